"""Runs of real graphs through the door."""

from __future__ import annotations

import orjson
from graph_client import Open, Recorder

from lgtrio.runs.executor import GraphEnd


async def test_a_run_ends_with_its_values(open_graphs: Open):
    async with open_graphs() as client:
        sink = Recorder()
        outcome = await client.run("echo", {"foo": "hi"}, sink=sink)
    assert outcome is sink.outcome
    assert outcome.end is GraphEnd.FINISHED
    assert orjson.loads(outcome.values) == {"foo": "hi!", "log": ["e1", "e2"]}
    assert outcome.next == ()
    assert sink.frames == [
        ("values", {"foo": "hi", "log": []}),
        ("values", {"foo": "hi", "log": ["e1"]}),
        ("values", {"foo": "hi!", "log": ["e1", "e2"]}),
    ]
