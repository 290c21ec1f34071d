from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from graph_client import GRAPHS, ODD_GRAPHS, Open, open_client
from odd_graphs import GATES, Gate

from lgtrio.langgraph_json import read_langgraph_json


@pytest.fixture
def open_graphs(tmp_path: Path) -> Iterator[Open]:
    """`async with open_graphs(cancel_grace=0.2) as client`: the graphs of `tests/support`."""
    interval = sys.getswitchinterval()
    yield partial(open_client, tmp_path, read_langgraph_json(GRAPHS))
    sys.setswitchinterval(interval)


@pytest.fixture
def open_odd(tmp_path: Path) -> Iterator[Open]:
    """As `open_graphs`, with the graphs of `odd_graphs`."""
    interval = sys.getswitchinterval()
    yield partial(open_client, tmp_path, read_langgraph_json(ODD_GRAPHS))
    sys.setswitchinterval(interval)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[Gate]:
    """The gate that the test's run stops at."""
    gate = GATES[request.node.name] = Gate()
    yield gate
    gate.opened.set()  # no thread stays behind
    del GATES[request.node.name]


@pytest.fixture
def held_input(request: pytest.FixtureRequest, gate: Gate) -> dict[str, str]:
    """What makes a graph stop at the gate."""
    assert GATES[request.node.name] is gate
    return {"name": request.node.name}
