"""A person in the loop: the graph stops until somebody approves what it has drafted.

Input: {"to": "ada@example.com"}; then resume the thread with the command {"resume": true} or,
to have it drafted again, {"resume": "what to say instead"}.
"""

from typing import Literal, NotRequired, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict):
    to: str
    wish: NotRequired[str]
    draft: NotRequired[str]
    sent: NotRequired[str]


def write(state: State) -> dict[str, str]:
    return {"draft": f"Dear {state['to']}, {state.get('wish', 'shall we meet on Monday?')}"}


def review(state: State) -> Command[Literal["write", "send", "__end__"]]:
    # The run ends here with the status "interrupted". The next run of the thread starts this
    # node again, and then `interrupt` returns what was given as `resume`.
    answer = interrupt({"question": "Send this?", "draft": state.get("draft")})
    if isinstance(answer, str):
        return Command(goto="write", update={"wish": answer})
    return Command(goto="send" if answer else "__end__")


def send(state: State) -> dict[str, str]:
    return {"sent": state.get("draft", "")}


graph = (
    StateGraph(State)
    .add_node(write)
    .add_node(review)
    .add_node(send)
    .add_edge(START, "write")
    .add_edge("write", "review")
    .compile()
)
