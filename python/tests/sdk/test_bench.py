"""The benchmark beside the SDK's bus measures what it says."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import BENCHES


def test_all_ways_are_timed_and_weighed() -> None:
    command = [sys.executable, "-B", str(BENCHES / "bus.py")]
    command += ["--rounds", "1", "--changes", "3000", "100"]
    run = subprocess.run(command, capture_output=True, text=True)
    rows = [line.split() for line in run.stdout.splitlines()]
    assert rows[0] == ["streams", "sdk", "handler", "awaited", "drained"], run.stderr
    # The script itself sees to it that every client gets every frame.
    [rates] = [row for row in rows if row[:3] == ["100", "each", "s"]]
    assert all(int(rate.replace(",", "")) > 0 for rate in rates[3:]) and len(rates) == 7
    [sizes] = [row for row in rows if row[0] == "bytes" and len(row) == 5]
    [stalled] = [row for row in rows if row[0] == "stalled"]
    # What the SDK's buffer holds is seen, so what ours does not hold would be.
    assert int(stalled[2].replace(",", "")) > 3000
    # What is a matter of time is for `make bench-python`; this is not.
    assert re.search(r"bytes that a stalled stream grows by .* holds$", run.stdout, re.MULTILINE)
