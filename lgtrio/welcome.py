"""What `lgtrio dev` prints when it listens: where it is and what to try next."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence

_INPUT = {"messages": [{"role": "user", "content": "What is 6 times 7?"}]}


def welcome(url: str, graphs: Sequence[str]) -> str:
    """
    Args:
        url: as `listen.url_of` gives it.
        graphs: names of the graphs served, in the order of langgraph.json; not empty.
    """
    curl, python = lines_to_try(url, graphs)
    return f"""
lgtrio serves {", ".join(graphs)} on {url}
Try in another terminal, as it stands:

  {curl}

  {python}

All routes, to read and to try out: {url}/docs
"""


def lines_to_try(url: str, graphs: Sequence[str]) -> tuple[str, str]:
    """A curl line that streams a run and an SDK line that waits for one, to be pasted as they are.

    They talk to the first graph as one talks to a chat agent; most graphs are one.
    """
    graph = graphs[0]
    body = {"assistant_id": graph, "input": _INPUT, "stream_mode": "messages-tuple"}
    curl = f"curl -N {url}/runs/stream -H 'content-type: application/json'"
    program = (
        "from langgraph_sdk import get_sync_client; "
        f"print(get_sync_client(url={url!r}).runs.wait(None, {graph!r}, input={_INPUT!r}))"
    )
    # This interpreter: whatever `python` means in the other terminal may not have the SDK.
    python = f"{shlex.quote(sys.executable)} -c {_double_quoted(program)}"
    return f"{curl} -d {shlex.quote(json.dumps(body))}", python


def _double_quoted(text: str) -> str:
    """As one shell word; `shlex.quote` would turn each of Python's quotes into five characters."""
    for special in '\\"$`!':
        if special in text:
            return shlex.quote(text)
    return f'"{text}"'
