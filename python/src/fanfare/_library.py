"""Finds and loads the library that belongs to this package."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from pathlib import Path
from typing import Final

from . import _abi


def _file_name() -> str:
    if sys.platform == "win32":
        return "fanfare.dll"
    return "libfanfare.dylib" if sys.platform == "darwin" else "libfanfare.so"


def _path() -> str:
    """What the environment names, or what the wheel brought, or what the system has."""
    if named := os.environ.get("FANFARE_LIBRARY"):
        return named
    beside = Path(__file__).with_name(_file_name())
    if beside.exists():
        return str(beside)
    if installed := ctypes.util.find_library("fanfare"):
        return installed
    raise ImportError(f"there is no {beside.name}: set FANFARE_LIBRARY to its path")


def _load() -> _abi.Library:
    path = _path()
    try:
        # CDLL, for it lets go of the interpreter's lock during each call: others may run then, and
        # a callback can be entered from any thread.
        loaded = ctypes.CDLL(path)
        # The version first: another one may lack what this one wants of it.
        version = loaded.fanfare_version
    except (OSError, AttributeError) as why:
        raise ImportError(f"{path} is not fanfare's library: {why}") from why
    version.restype, version.argtypes = _abi.FUNCTIONS["fanfare_version"]
    number = int(version())
    major, minor, patch = number >> 16, number >> 8 & 255, number & 255
    # Below 1.0 the minor number says what fits, and then the major one.
    wanted = (_abi.FANFARE_VERSION_MAJOR, _abi.FANFARE_VERSION_MINOR)
    if major != wanted[0] or (major == 0 and minor != wanted[1]):
        have = f"{major}.{minor}.{patch}"
        raise ImportError(f"{path} is fanfare {have}, and this package is for {wanted}")
    try:
        return _abi.Library(loaded)
    except AttributeError as why:
        raise ImportError(f"{path} lacks what this package needs: {why}") from why


LIBRARY: Final = _load()
