"""The examples that use the package: small ones, and a server over stdio and over a socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import META, REPOSITORY, request

EXAMPLES = REPOSITORY / "examples" / "python"
EXAMPLE = EXAMPLES / "package_server.py"


@pytest.mark.parametrize("name", ["first", "lag", "wait"])
def test_it_prints_what_stands_beside(name: str) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "dev", EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    # The documentation shows it too. FANFARE_BLESS=1 writes it anew.
    beside = EXAMPLES / f"{name}.out"
    if "FANFARE_BLESS" in os.environ:
        beside.write_text(result.stdout)
    assert result.stdout == beside.read_text()


class Client:
    """Says things over a socket, and hears what comes."""

    def __init__(self, path: Path) -> None:
        self.socket = connected(path)
        self.socket.settimeout(60)
        self.lines = self.socket.makefile("rb")

    def say(self, message: bytes) -> None:
        self.socket.sendall(message + b"\n")

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.lines.readline())
        return message

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


def connected(path: Path) -> socket.socket:
    """Connects as soon as the server listens: the socket has its name a moment before."""
    until = time.monotonic() + 60
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(str(path))
            return client
        except (FileNotFoundError, ConnectionRefusedError):
            client.close()
            if time.monotonic() > until:
                raise


def initialize(revision: str) -> bytes:
    info = {"name": "test", "version": "1"}
    return request(0, "initialize", protocolVersion=revision, capabilities={}, clientInfo=info)


INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The example, at a socket."""
    path = tmp_path / "mcp.sock"
    with subprocess.Popen(
        [sys.executable, "-X", "dev", EXAMPLE, path], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, path
        finally:
            process.kill()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the example uses asyncio.TaskGroup")
def test_two_clients_over_a_socket(server: tuple[subprocess.Popen[str], Path]) -> None:
    process, path = server
    legacy = Client(path)
    legacy.say(initialize("2025-06-18"))
    assert legacy.hear()["result"]["protocolVersion"] == "2025-06-18"
    legacy.say(INITIALIZED)
    legacy.say(request(1, "resources/subscribe", uri="doc://7"))
    assert legacy.hear() == {"jsonrpc": "2.0", "id": 1, "result": {}}

    modern = Client(path)
    filter = {"resourceSubscriptions": ["doc://7"]}
    modern.say(request("l", "subscriptions/listen", _meta=META, notifications=filter))
    assert modern.hear()["params"]["notifications"] == filter
    meta = {**META, "io.modelcontextprotocol/logLevel": "warning", "progressToken": "job"}
    modern.say(request(2, "tools/call", name="index", _meta=meta))

    assert [legacy.hear()["method"] for _ in range(2)] == [
        "notifications/message",
        "notifications/resources/updated",
    ]
    heard = [modern.hear()]
    while heard[-1].get("id") != 2:
        heard.append(modern.hear())
    names = [message.get("method", "the result") for message in heard]
    names = [name for name in names if name != "notifications/resources/updated"]
    assert names[-2:] == ["notifications/message", "the result"]
    assert set(names[:-2]) == {"notifications/progress"}

    process.send_signal(signal.SIGINT)
    # What overtook it is done; the update comes before the listen's result, which is the last.
    rest = [json.loads(line) for line in modern.lines]
    assert rest[-1]["id"] == "l"
    updates = [m for m in heard + rest if m.get("method") == "notifications/resources/updated"]
    assert len(updates) == 1
    assert legacy.lines.read() == b""
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    legacy.close()
    modern.close()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the example uses asyncio.TaskGroup")
def test_one_client_over_pipes() -> None:
    call = request(2, "tools/call", name="index", _meta={"progressToken": 1})
    said = [initialize("2025-11-25"), INITIALIZED, request(1, "ping"), call]
    result = subprocess.run(
        [sys.executable, "-X", "dev", EXAMPLE],
        input=b"".join(line + b"\n" for line in said),
        capture_output=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    heard = [json.loads(line) for line in result.stdout.splitlines()]
    assert [m["id"] for m in heard if "id" in m] == [0, 1, 2], "everything is answered"
    assert heard[-1]["id"] == 2 or heard[-1]["method"] == "notifications/message"
