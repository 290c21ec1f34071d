"""What an SDK offers, read from its classes. Run as a module it prints that of its interpreter."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from langgraph_sdk import get_client, get_sync_client

Parameters = dict[str, bool]
"""Name to whether it has to be given."""
Surface = dict[str, dict[str, Parameters]]
"""Name of a method, as in `threads.get`, to kind of client to its parameters."""

_URL = "http://127.0.0.1:1"
_NO_API = {"http"}
"""Attributes of a client that are no part of the API: what it sends its requests with."""


def signature(part: Any, method: str) -> inspect.Signature:
    """Of a method of an object, as it is called."""
    return inspect.signature(getattr(part, method))


def surface() -> Surface:
    """Of the SDK in this interpreter; makes no request."""
    found: Surface = {}
    for kind, client in {"async": get_client(url=_URL), "sync": get_sync_client(url=_URL)}.items():
        for part_name, part in vars(client).items():
            if part_name in _NO_API or part_name.startswith("_"):
                continue
            for method, _ in inspect.getmembers(type(part), inspect.isfunction):
                if not method.startswith("_"):
                    given = signature(part, method).parameters.values()
                    parameters = {each.name: each.default is each.empty for each in given}
                    found.setdefault(f"{part_name}.{method}", {})[kind] = parameters
    return found


if __name__ == "__main__":
    json.dump(surface(), sys.stdout)
