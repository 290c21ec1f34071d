"""A real server process, started, stopped, killed and read by tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from attrs import define, field

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"
REPOSITORY = Path(__file__).parents[2]

START_SECONDS = 60
"""Until a server must listen; importing LangGraph on a busy machine takes a while."""
STOP_SECONDS = 40

_DEFAULTS_FROM_OUTSIDE = re.compile(r"^(LGTRIO_|LANGGRAPH_|LANGSMITH_|LANGCHAIN_|BG_JOB_)")


class ServerFailed(AssertionError):
    """The process ended, or did not answer, or complained in its log."""


def command(*arguments: str) -> list[str]:
    """The command line of lgtrio in this interpreter's environment."""
    return [sys.executable, "-m", "lgtrio", *arguments]


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment less every variable that would change a server's settings."""
    kept = {k: v for k, v in os.environ.items() if not _DEFAULTS_FROM_OUTSIDE.match(k)}
    # A checkout that is not installed serves as well as one that is.
    path = os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


@define
class Log:
    """Everything a server process has printed, line by line, while it runs."""

    lines: list[str] = field(factory=list)
    ended: bool = False
    """The process has closed its output."""
    _changed: threading.Condition = field(factory=threading.Condition)

    def feed(self, stream: Iterable[str]) -> None:
        """Read to the end of the stream; the body of the reader thread."""
        for line in stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_for(self, predicate: Any, *, seconds: float) -> Any:
        """The first truthy `predicate(line)`; None if the log ends or time passes before."""
        end = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if found := predicate(line):
                        return found
                seen = len(self.lines)
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self._changed.wait(left)

    def events(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """The structured lines from line `start` on, in order."""
        for line in self.lines[start:]:
            if parsed := _parse(line):
                yield parsed

    def find(self, text: str, *, seconds: float = 30, **values: Any) -> dict[str, Any] | None:
        """Wait for an event whose name contains `text` and whose fields have these values."""

        def matches(line: str) -> dict[str, Any] | None:
            event = _parse(line)
            if event is None or text not in str(event.get("event")):
                return None
            return event if all(event.get(k) == v for k, v in values.items()) else None

        return self.wait_for(matches, seconds=seconds)

    def complaints(self, start: int = 0, *, expected: Sequence[str] = ()) -> list[str]:
        """Lines that a healthy server does not print: errors, and tracebacks outside of JSON.

        Args:
            expected: patterns of complaints that the test provokes on purpose.
        """
        wanted = [re.compile(pattern) for pattern in expected]
        return [
            line
            for line in self.lines[start:]
            if _complains(line) and not any(pattern.search(line) for pattern in wanted)
        ]

    def tail(self, count: int = 60) -> str:
        return "\n".join(self.lines[-count:])


def _parse(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _complains(line: str) -> bool:
    event = _parse(line)
    if event is None:
        return "Traceback" in line or "never awaited" in line
    return str(event.get("level", event.get("severity"))).lower() in {"error", "critical"}


@define
class Server:
    """A handle on one server; also on one that somebody else runs (`process` is None)."""

    url: str
    log: Log
    process: subprocess.Popen[str] | None = None
    database: Path | None = None
    _reader: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is None or self.process.poll() is None

    def http(self, **options: Any) -> httpx.Client:
        """A plain HTTP client, closed by the caller."""
        return httpx.Client(base_url=self.url, timeout=30, **options)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit status; everything the process printed is in the log afterwards.

        Raises:
            ServerFailed: it did not end in time; it has been killed.
        """
        assert self.process is not None
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServerFailed(
                f"The server did not end within {seconds} s:\n{self.log.tail()}"
            ) from None
        finally:
            self._finish_reading()
        return status

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM and wait; the exit status."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL and wait."""
        if self.alive:
            self.signal(signal.SIGKILL)
        self.wait()

    def _finish_reading(self) -> None:
        if self._reader is not None:
            self._reader.join(10)
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()


def start_process(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Server:
    """Start `lgtrio ARGUMENTS` without waiting for anything; its URL is not known yet."""
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=clean_environment(environment),
        cwd=cwd,
    )
    log = Log()
    reader = threading.Thread(target=log.feed, args=(process.stdout,), daemon=True)
    reader.start()
    return Server(url="", log=log, process=process, reader=reader)


def serve_arguments(
    database: Path, *, config: Path = GRAPHS, port: int = 0, options: Sequence[str] = ()
) -> Sequence[str]:
    """The arguments of `lgtrio serve` for a test."""
    return [
        "serve",
        *("--config", str(config)),
        *("--database", str(database)),
        *("--port", str(port)),
        *options,
    ]


def start(
    database: Path,
    *,
    config: Path = GRAPHS,
    port: int = 0,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start a server on the test graphs and wait until it listens.

    Raises:
        ServerFailed: it ended or stayed silent; the message has its log.
    """
    arguments = serve_arguments(database, config=config, port=port, options=options)
    server = start_process(arguments, environment=environment)
    server.database = database
    wait_until_listening(server)
    return server


def wait_until_listening(server: Server) -> None:
    """Set `server.url`.

    Raises:
        ServerFailed: it ended or stayed silent; the message has its log.
    """
    if not comes_up(server):
        status = server.wait()
        raise ServerFailed(f"The server ended at start ({status}):\n{server.log.tail()}")


def comes_up(server: Server) -> bool:
    """Wait for the line that announces the URL, and set `server.url`; False if it ended before.

    Raises:
        ServerFailed: it stayed silent; it has been killed.
    """
    url = server.log.wait_for(_announced_url, seconds=START_SECONDS)
    if url is None and not server.log.ended:
        server.kill()
        raise ServerFailed(f"silent for {START_SECONDS} s:\n{server.log.tail()}")
    server.url = url or ""
    return url is not None


def _announced_url(line: str) -> str | None:
    event = _parse(line)
    if event is not None:
        return str(event["url"]) if event.get("event") == "listening" else None
    found = re.search(r"listening.*(http://[^\s\x1b]+:\d+)", line)
    return found.group(1) if found else None


@contextmanager
def running(database: Path, *, expected: Sequence[str] = (), **options: Any) -> Iterator[Server]:
    """A server for one test: stopped at the end, and its log checked.

    Args:
        expected: patterns of log complaints that the test provokes on purpose.
    """
    server = start(database, **options)
    try:
        yield server
    finally:
        if server.alive:
            status = server.stop()
            assert status == 0, f"exit status {status}:\n{server.log.tail()}"
        else:
            server.wait()
    complaints = server.log.complaints(expected=expected)
    assert not complaints, "The server complained:\n" + "\n".join(complaints)
