"""A chat agent with a tool: the model and its tools take turns until the model just answers.

Input: {"messages": [{"role": "user", "content": "What is 6 times 7?"}]}
Stream mode `messages-tuple` shows the answer word by word.
"""

from langchain_core.messages import BaseMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from lgtrio.demo.model import DemoModel

model = DemoModel()


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


async def agent(state: MessagesState) -> dict[str, list[BaseMessage]]:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = (
    StateGraph(MessagesState)
    .add_node(agent)
    .add_node("tools", ToolNode([multiply]))
    .add_edge(START, "agent")
    .add_conditional_edges("agent", tools_condition)
    .add_edge("tools", "agent")
    .compile()
)
