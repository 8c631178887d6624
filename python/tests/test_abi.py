"""The declarations are those of the header, and the library has them."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import fanfare
from fanfare import _abi, _errors, _library, _types
from conftest import PROJECT, REPOSITORY

HEADER = REPOSITORY / "include" / "fanfare.h"
GENERATOR = PROJECT / "tools" / "generate_abi.py"
CC = os.environ.get("CC", "gcc")


def constants(prefix: str) -> set[int]:
    return {value for name, value in vars(_abi).items() if name.startswith(prefix)}


def test_the_declarations_are_generated_from_the_header() -> None:
    result = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_compiler_sees_the_same_structs(tmp_path: Path) -> None:
    claims = []
    for struct in _abi.STRUCTS:
        name = struct.__name__
        claims.append(f"sizeof({name}) == {ctypes.sizeof(struct)}")
        for field, *_ in struct._fields_:
            place = getattr(struct, field)
            claims.append(f"offsetof({name}, {field}) == {place.offset}")
            claims.append(f"sizeof((({name} *)0)->{field}) == {place.size}")
    assert len(claims) > 100
    assert compiles(tmp_path, claims) == ""
    # And it would tell.
    assert "offsetof" in compiles(tmp_path, ["offsetof(fanfare_record, len) == 16"])


def compiles(folder: Path, claims: list[str]) -> str:
    """What the compiler says to claims about the header."""
    source = folder / "claims.c"
    lines = [f'_Static_assert({claim}, "{claim}");' for claim in claims]
    source.write_text("\n".join(["#include <stddef.h>", f'#include "{HEADER}"', *lines, ""]))
    command = [CC, "-std=c11", "-fsyntax-only", str(source)]
    return subprocess.run(command, capture_output=True, text=True).stderr


def test_the_compiler_sees_the_same_constants(tmp_path: Path) -> None:
    names = [name for name in vars(_abi) if name.startswith("FANFARE_")]
    assert len(names) > 90
    claims = [
        f"{name} == ({getattr(_abi, name)}{'u' * (name == 'FANFARE_NEVER')})" for name in names
    ]
    assert compiles(tmp_path, claims) == ""


def test_every_function_of_the_header_is_declared_and_exported() -> None:
    code = re.sub(r"//[^\n]*", "", HEADER.read_text().split("#ifndef FANFARE_H")[1])
    assert set(_abi.FUNCTIONS) == set(re.findall(r"\b(fanfare_\w+)\(", code))
    assert len(_abi.FUNCTIONS) > 80
    result = subprocess.run(
        [os.environ.get("NM", "nm"), "-D", "--defined-only", _library._path()],
        check=True,
        capture_output=True,
        text=True,
    )
    exported = {line.split()[-1] for line in result.stdout.splitlines()}
    assert {name for name in exported if name.startswith("fanfare_")} == set(_abi.FUNCTIONS)


def test_every_number_has_a_name_in_python() -> None:
    enums = {
        "FANFARE_LEVEL_": fanfare.Level,
        "FANFARE_PROFILE_": fanfare.Profile,
        "FANFARE_REVISION_": fanfare.Revision,
        "FANFARE_FRAMING_": fanfare.Framing,
        "FANFARE_OVERFLOW_": fanfare.Overflow,
        "FANFARE_END_": fanfare.End,
        "FANFARE_STREAM_": fanfare.StreamKind,
        "FANFARE_TOPIC_": fanfare.Topic,
        "FANFARE_ACCESS_": fanfare.Access,
        "FANFARE_VERDICT_": fanfare.Verdict,
    }
    for prefix, enum in enums.items():
        assert constants(prefix) == {int(member) for member in enum}, prefix
    assert constants("FANFARE_E_") == set(_errors.CLASSES)


def test_the_counters_are_all_there() -> None:
    pairs: list[tuple[type[ctypes.Structure], tuple[str, ...], int]] = [
        (_abi.fanfare_counters, _types.Counters._fields, 1),
        (_abi.fanfare_session_counters, _types.SessionCounters._fields, 1),
        (_abi.fanfare_revoked, _types.Revoked._fields, 0),
    ]
    for struct, fields, skipped in pairs:
        assert [field[0] for field in struct._fields_][skipped:] == list(fields)


def test_the_record_is_what_the_drain_reads() -> None:
    from fanfare._engine import _RECORD

    record = _abi.fanfare_record(1, 2, 3, 4)
    assert _RECORD.size == ctypes.sizeof(record) == 24
    assert _RECORD.unpack(bytes(record)) == (1, 2, 3, 4)
