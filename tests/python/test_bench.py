"""The benchmark beside the official SDK measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from peers import TWO

SCRIPT = Path(__file__).parents[2] / "benches" / "bars" / "python.py"


def test_both_sides_give_the_same_and_are_timed(fanfare: str) -> None:
    # Cargo leaves the library beside what else the program was built from.
    library = Path(fanfare).parent / "deps" / "libfanfare.so"
    run = subprocess.run(
        [sys.executable, "-B", SCRIPT, library, "20", "3"], capture_output=True, text=True)
    # The script itself compares the messages of the two.
    assert run.returncode == 0, run.stderr
    times = json.loads(run.stdout)
    sides = ["drained", "delivered", "sdk"] if TWO else ["drained", "delivered"]
    assert {name for name, rounds in times.items() if rounds} == set(sides)
    assert all(len(times[side]) == 3 and min(times[side]) > 0 for side in sides)
