"""The smallest graph: one node that says what you said.

Input: {"messages": [{"role": "user", "content": "hello"}]}
"""

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph


def echo(state: MessagesState) -> dict[str, list[AIMessage]]:
    return {"messages": [AIMessage(state["messages"][-1].text)]}


graph = StateGraph(MessagesState).add_node(echo).add_edge(START, "echo").compile()
