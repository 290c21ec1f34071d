"""A graph whose state is a list, without keys."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph


async def add(state: list[str]) -> list[str]:
    return [f"node:{len(state)}"]


graph = StateGraph(Annotated[list, operator.add]).add_node(add).add_edge(START, "add").compile()
