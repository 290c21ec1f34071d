"""Answers what a node sees of config, context and metadata."""

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict


@dataclass
class Context:
    model: str = "m0"
    temperature: float = 0.5


class State(TypedDict, total=False):
    ask: str
    seen: dict[str, Any]


async def look(state: State, config: RunnableConfig, runtime: Runtime[Context]) -> State:
    configurable = {
        key: value
        for key, value in config["configurable"].items()
        if not key.startswith("__") and isinstance(value, str | int | float | bool | None)
    }
    return {
        "seen": {
            "configurable": configurable,
            "metadata": {
                key: value
                for key, value in config["metadata"].items()
                if isinstance(value, str | int | float | bool | None | list | dict)
            },
            "tags": sorted(config.get("tags") or []),
            "recursion_limit": config.get("recursion_limit"),
            "model": runtime.context.model if runtime.context else None,
            "temperature": runtime.context.temperature if runtime.context else None,
        }
    }


graph = StateGraph(State, context_schema=Context).add_node(look).add_edge(START, "look").compile()
