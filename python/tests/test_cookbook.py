"""The cookbook's programs, which print what those in other languages do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import REPOSITORY

PROGRAMS = sorted((REPOSITORY / "examples" / "cookbook").glob("*.py"))
TRANSCRIPTS = REPOSITORY / "tests" / "cookbook"


def test_there_is_a_program_for_each_transcript() -> None:
    assert [path.stem for path in PROGRAMS] == sorted(path.stem for path in TRANSCRIPTS.iterdir())
    assert PROGRAMS


@pytest.mark.parametrize("pattern", [path.stem for path in PROGRAMS])
def test_it_prints_the_transcript(pattern: str) -> None:
    program = REPOSITORY / "examples" / "cookbook" / f"{pattern}.py"
    result = subprocess.run(
        [sys.executable, "-B", "-X", "dev", program], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    expected = (TRANSCRIPTS / f"{pattern}.txt").read_text()
    assert result.stdout.splitlines() == expected.splitlines()
