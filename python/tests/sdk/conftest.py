"""What the tests with the official SDK share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
BENCHES = REPOSITORY / "benches" / "bars"

# The SDK's clients behind one face, as the tests of the program use them.
sys.path.insert(0, str(REPOSITORY / "tests" / "python"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
