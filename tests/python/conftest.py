"""What the tests share: the program, a folder to serve, the era of the client."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import ERAS, SDK


def pytest_report_header() -> str:
    return f"official MCP SDK {SDK}: {', '.join(ERAS)}; program: {os.environ.get('FANFARE_BIN')}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def fanfare() -> str:
    """The program under test; without it there is nothing to test, and that is a failure."""
    program = os.environ.get("FANFARE_BIN")
    assert program, "FANFARE_BIN must name the fanfare program"
    assert os.access(program, os.X_OK), f"FANFARE_BIN: {program} cannot be run"
    return program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that is served, beside which a test may keep what is not."""
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def nothing_amiss(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The SDK drops what it cannot parse with a warning only; here that fails the test."""
    yield
    amiss = [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING]
    assert not amiss, [record.getMessage() for record in amiss]
