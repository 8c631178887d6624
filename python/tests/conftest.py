"""What the tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fanfare

PROJECT = Path(__file__).resolve().parent.parent
REPOSITORY = PROJECT.parent


def pytest_report_header() -> str:
    return f"fanfare {fanfare.__version__} of {Path(fanfare.__file__).parent}"


@pytest.fixture
def engine() -> Iterator[fanfare.Engine]:
    """One on virtual time."""
    with fanfare.Engine(clock="manual") as engine:
        yield engine


def heard(frames: Iterable[fanfare.Frame]) -> list[tuple[int, dict[str, Any]]]:
    """Whose frame it is, and what it says."""
    return [(session, json.loads(data)) for session, _, _, data in frames]


def methods(frames: Iterable[fanfare.Frame]) -> list[str]:
    """What was heard, by the names of the notifications."""
    return [message["method"].removeprefix("notifications/") for _, message in heard(frames)]


def request(id: str | int, method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in an interpreter of its own, which has to end well."""

    def run(
        program: str, *, status: int = 0, options: tuple[str, ...] = ("-X", "dev")
    ) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "program.py"
        file.write_text(program)
        result = subprocess.run(
            [sys.executable, *options, str(file)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )
        assert result.returncode == status, result.stderr
        return result

    return run
