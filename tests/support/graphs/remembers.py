"""Keeps a note in the store and finds it again in a later run of any thread."""

from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    who: str
    note: str
    found: str | None


async def look_up(state: State) -> State:
    store = get_store()
    item = await store.aget(("notes", state["who"]), "latest")
    if note := state.get("note"):
        await store.aput(("notes", state["who"]), "latest", {"text": note})
    return {"found": item.value["text"] if item else None}


graph = StateGraph(State).add_node(look_up).add_edge(START, "look_up").compile()
