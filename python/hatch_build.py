"""Builds the library with cargo, and puts it into the wheel beside the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = {"darwin": "libfanfare.dylib", "win32": "fanfare.dll"}.get(sys.platform, "libfanfare.so")


class CargoHook(BuildHookInterface[Any]):
    """One wheel for each platform, and for every Python: ctypes needs no interface of Python's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            # The package finds the library by FANFARE_LIBRARY then, and may be built at any time.
            return
        crate = Path(self.root).parent
        if not (crate / "Cargo.toml").exists():
            raise SystemExit(f"fanfare-mcp is built in its repository: no Cargo.toml in {crate}")
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][str(built(crate))] = f"fanfare/{LIBRARY}"


def built(crate: Path) -> Path:
    """Has cargo build the library, and asks it where that is: it may be configured."""
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "build", "--release", "--locked", "--package", "fanfare"]
    try:
        subprocess.run(command, cwd=crate, check=True)
        metadata = subprocess.run(
            [cargo, "metadata", "--format-version=1", "--no-deps", "--locked"],
            cwd=crate,
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        raise SystemExit("fanfare-mcp is built with Rust: https://rustup.rs") from None
    return Path(json.loads(metadata.stdout)["target_directory"]) / "release" / LIBRARY
