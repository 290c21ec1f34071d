"""Who takes part: lgtrio always, and the servers that were asked for."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from bench.cells import OURS
from bench.filling import filled_database, store_threads
from bench.langgraph_dev import installed, langgraph_dev
from bench.servers import CONFIG, Peer, Server, Start, lgtrio_server

DEV = "langgraph-dev"
_MOST_OVER_HTTP = 10_000


def lgtrio_peer(cpus: set[int] | None) -> Peer:
    return Peer(OURS, partial(_serve_lgtrio, cpus), most_stored=1_000_000)


def dev_peer(cpus: set[int] | None, executable: Path | None) -> Peer:
    """
    Args:
        executable: an installed `langgraph`; None installs one, once.
    """
    executable = executable or installed()
    return Peer(DEV, partial(_serve_dev, cpus, executable), most_stored=_MOST_OVER_HTTP)


def running_peer(name: str, url: str) -> Peer:
    """A server that is there; it has to serve `bench/langgraph.json`."""
    given: set[int] = set()
    return Peer(name, partial(_find, url, given), _MOST_OVER_HTTP, startable=False)


@contextmanager
def _serve_lgtrio(cpus: set[int] | None, start: Start) -> Iterator[Server]:
    config = CONFIG if start.graphs == "bench" else None
    if not start.stored:
        with lgtrio_server(cpus, config) as server:
            yield server
        return
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-") as folder:
        database = filled_database(Path(folder), start.stored)
        with lgtrio_server(cpus, config, database=database) as server:
            yield server


@contextmanager
def _serve_dev(cpus: set[int] | None, executable: Path, start: Start) -> Iterator[Server]:
    # The demo graphs are named by module, which needs lgtrio beside them: it has these instead.
    with langgraph_dev(CONFIG, executable, jobs=start.jobs, cpus=cpus) as server:
        store_threads(server.url, start.stored)
        yield server


@contextmanager
def _find(url: str, given: set[int], start: Start) -> Iterator[Server]:
    if start.stored > max(given, default=0):
        store_threads(url, start.stored - max(given, default=0))
        given.add(start.stored)
    yield Server(url, listener(url))


def info(url: str) -> dict[str, str]:
    """What a server says about itself; empty if it says nothing."""
    try:
        told = httpx.get(f"{url}/info", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return {name: str(value) for name, value in told.items() if "version" in name}


def listener(url: str) -> int | None:
    """The process that listens there, if it is on this machine and may be looked at."""
    place = urlsplit(url)
    host = socket.gethostbyname(place.hostname or "127.0.0.1")
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    at_port = [
        each.pid
        for each in found
        if each.status == psutil.CONN_LISTEN and each.laddr.port == place.port and each.pid
    ]
    return at_port[0] if at_port and host.startswith("127.") else None
