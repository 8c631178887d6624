"""What the wheel brings: everything, for a machine on which there is no Rust."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import fanfare
from fanfare import _library
from conftest import PROJECT, REPOSITORY

INSTALLED = Path(fanfare.__file__).parent

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("FANFARE_LIBRARY")),
    reason="not the wheel's library: FANFARE_LIBRARY is set",
)


def test_there_is_no_rust_here() -> None:
    assert shutil.which("cargo") is None and shutil.which("rustc") is None


def test_it_is_the_wheel_that_is_tested() -> None:
    assert PROJECT not in INSTALLED.parents and Path(sys.prefix) in INSTALLED.parents
    assert Path(_library._path()).parent == INSTALLED
    assert (INSTALLED / "py.typed").exists()


def test_it_requires_nothing_and_says_what_it_is() -> None:
    about = importlib.metadata.metadata("fanfare-mcp")
    requires = importlib.metadata.requires("fanfare-mcp") or []
    assert [one for one in requires if "extra ==" not in one] == []
    assert about["License-Expression"] == "Apache-2.0 OR MIT"
    wheel = importlib.metadata.distribution("fanfare-mcp").read_text("WHEEL") or ""
    assert re.search(r"^Tag: py3-none-(?!any)\w+$", wheel, re.MULTILINE)
    assert "Root-Is-Purelib: false" in wheel


def test_one_version_for_all() -> None:
    cargo = (REPOSITORY / "Cargo.toml").read_text()
    found = re.search(r'\[workspace\.package\]\nversion = "([^"]+)"', cargo)
    assert found is not None
    version = importlib.metadata.version("fanfare-mcp")
    assert found[1] == version == fanfare.__version__


def test_a_build_without_rust_says_what_is_missing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "CARGO"},
        )
        assert result.returncode != 0 and "is built with Rust" in result.stderr
        assert os.listdir(folder) == []
