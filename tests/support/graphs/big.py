"""State far above what fits a packet, a pipe or a page."""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    kilobytes: int
    blob: str
    unicode: str


async def swell(state: State) -> State:
    return {"blob": "0123456789abcdef" * 64 * state["kilobytes"], "unicode": "ünï → 🚀\u2028"}


graph = StateGraph(State).add_node(swell).add_edge(START, "swell").compile()
