"""A slow graph: one step a second, each with a checkpoint and a note on the custom stream.

Input: {} for ten steps of a second, or for example {"steps": 3, "seconds": 0.2}.
Cancel it half way, or kill the server and start it again: it goes on where it was.
"""

import asyncio
from typing import Literal, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    steps: int
    seconds: float
    done: int


async def step(state: State) -> State:
    await asyncio.sleep(state.get("seconds", 1))
    done = state.get("done", 0) + 1
    get_stream_writer()({"done": done, "of": state.get("steps", 10)})
    return {"done": done}


def more(state: State) -> Literal["step", "__end__"]:
    return "step" if state.get("done", 0) < state.get("steps", 10) else "__end__"


graph = (
    StateGraph(State)
    .add_node(step)
    .add_edge(START, "step")
    .add_conditional_edges("step", more)
    .compile()
)
