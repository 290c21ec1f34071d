"""A graph breaks its own loop; prints as its last line what became of it and of the next run."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import trio
from graph_client import ODD_GRAPHS, open_client

from lgtrio.langgraph_json import read_langgraph_json


async def main(folder: Path) -> None:
    async with open_client(folder, read_langgraph_json(ODD_GRAPHS)) as client:
        slot = client.side.executor.slots["breaking"]
        died = slot.loop
        with trio.fail_after(20):
            first = await client.run("breaking", {})
            then = await client.run("three", {})
    seen = {
        "first": [first.end, first.error.error, first.error.message],
        "loop": "the same" if slot.loop is died else "replaced",
        "then": then.end,
    }
    print(orjson.dumps(seen).decode())


trio.run(main, Path(sys.argv[1]))
