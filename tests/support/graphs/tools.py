"""Tools that send something while they work, run a graph of their own, and fail."""

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, ToolRuntime
from langgraph.types import Send

NAMES = ("count", "expert", "broken")


def count(up_to: int, runtime: ToolRuntime) -> int:
    """Count."""
    for number in range(up_to):
        runtime.emit_output_delta(number)
    return up_to


def think(state: MessagesState) -> dict:
    return {"messages": [AIMessage("I know")]}


_expert = StateGraph(MessagesState).add_node(think).add_edge(START, "think").compile()


async def expert(up_to: int) -> str:
    """Ask somebody who knows."""
    answer = await _expert.ainvoke({"messages": [HumanMessage(str(up_to))]})
    return answer["messages"][-1].content


def broken(up_to: int) -> str:
    """Fail."""
    raise ValueError(f"cannot count to {up_to}")


def model(state: MessagesState) -> dict:
    calls = [{"name": name, "args": {"up_to": 2}, "id": f"call-{name}"} for name in NAMES]
    return {"messages": [AIMessage("", tool_calls=calls)]}


def each_call(state: MessagesState) -> list[Send]:
    kind = "tool_call_with_context"
    calls = state["messages"][-1].tool_calls
    return [
        Send("tools", {"__type": kind, "tool_call": {**call, "type": "tool_call"}, "state": state})
        for call in calls
    ]


graph = (
    StateGraph(MessagesState)
    .add_node(model)
    .add_node("tools", ToolNode([count, expert, broken], handle_tool_errors=True))
    .add_edge(START, "model")
    .add_conditional_edges("model", each_call, ["tools"])
    .compile()
)
