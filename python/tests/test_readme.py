"""The programs of README.md run, and print what stands below them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conftest import PROJECT

README = (PROJECT / "README.md").read_text()
# A program, and maybe what it prints, indented below "prints".
BLOCKS = re.findall(r"```python\n(.*?)```\n(?:\nprints\n\n((?:    [^\n]*\n)+))?", README, re.DOTALL)


def test_there_are_programs() -> None:
    assert len(BLOCKS) == README.count("```python") >= 4
    assert sum(bool(printed) for _, printed in BLOCKS) >= 3


@pytest.mark.parametrize("n", range(len(BLOCKS)))
def test_a_program_of_the_readme(n: int, python: Any) -> None:
    program, printed = BLOCKS[n]
    result = python(program)
    assert result.stderr == ""
    expected = [line.removeprefix("    ") for line in printed.strip("\n").splitlines()]
    assert result.stdout.splitlines() == expected
