from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from graph_client import GRAPHS, Open, open_client

from lgtrio.langgraph_json import read_langgraph_json


@pytest.fixture
def open_graphs(tmp_path: Path) -> Iterator[Open]:
    """`async with open_graphs(cancel_grace=0.2) as client`: the graphs of `tests/support`."""
    interval = sys.getswitchinterval()
    yield partial(open_client, tmp_path, read_langgraph_json(GRAPHS))
    sys.setswitchinterval(interval)
