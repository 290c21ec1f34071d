"""Servers that the instrument can start by itself.

To add one, write a context manager that serves `langgraph.json` and yields its URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.langgraph_dev import langgraph_dev
from bench.servers import lgtrio_server

_CONFIG = Path(__file__).parent / "langgraph.json"
_DEV_JOBS = 10


@contextmanager
def _lgtrio(_executable: Path | None = None) -> Iterator[str]:
    """This checkout, with its default settings."""
    with lgtrio_server(None, _CONFIG) as server:
        yield server.url


@contextmanager
def _langgraph_dev(executable: Path | None = None) -> Iterator[str]:
    """The published development server.

    Args:
        executable: an installed `langgraph`; None installs one, once.
    """
    with langgraph_dev(_CONFIG, executable, jobs=_DEV_JOBS) as server:
        yield server.url


PEERS: dict[str, Callable[[Path | None], AbstractContextManager[str]]] = {
    "lgtrio": _lgtrio,
    "langgraph-dev": _langgraph_dev,
}
