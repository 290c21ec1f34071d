"""Nodes written for Trio: several sources asked at once, and those that are too slow given up.

Input: {"question": "Why is the sky blue?"}; with {"seconds": 0.05} it has less patience.
Stream mode `custom` shows the sources as they answer.
"""

from typing import Final, TypedDict

import trio
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph

from lgtrio import graph_side, trio_node
from lgtrio.demo.model import DemoModel

SOURCES: Final = {"encyclopedia": 0.01, "newspapers": 0.2, "archive": 60.0}
"""Name to the seconds that it takes to answer."""

model = DemoModel()


class State(TypedDict, total=False):
    question: str
    seconds: float
    found: list[str]
    answer: str


@trio_node
async def search(state: State) -> State:
    found: list[str] = []

    async def ask(source: str) -> None:
        await trio.sleep(SOURCES[source])
        found.append(source)
        get_stream_writer()({"answered": source})

    # Whoever has not answered in time is cancelled, and so are all when the run is.
    with trio.move_on_after(state.get("seconds", 1)):
        async with trio.open_nursery() as nursery:
            for source in SOURCES:
                nursery.start_soon(ask, source)
    return {"found": found}


@trio_node
async def answer(state: State) -> State:
    prompt = f"{state.get('question', '')} (says: {', '.join(state.get('found', []))})"
    # LangChain's models need asyncio: this one is awaited on the loop that executes the graph.
    message = await graph_side(model.ainvoke, prompt)
    return {"answer": message.text}


graph = (
    StateGraph(State)
    .add_node(search)
    .add_node(answer)
    .add_edge(START, "search")
    .add_edge("search", "answer")
    .compile()
)
