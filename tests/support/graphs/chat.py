"""A streaming chat model that needs no key, with a tool call in the middle."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

WORDS = ["the ", "answer ", "is ", "4"]


class Parrot(BaseChatModel):
    """First asks for the tool `add`, then answers word by word."""

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if not isinstance(messages[-1], ToolMessage):
            call = {"name": "add", "args": '{"a": 1, "b": 3}', "id": "call-1", "index": 0}
            return [
                AIMessageChunk(content="", tool_call_chunks=[{**call, "type": "tool_call_chunk"}])
            ]
        return [AIMessageChunk(content=word) for word in WORDS]

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[Any]:
        for chunk in self._chunks(messages):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for generation in self._stream(messages):
            yield generation

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        total = self._chunks(messages)[0]
        for chunk in self._chunks(messages)[1:]:
            total += chunk
        message = AIMessage(content=total.content, tool_calls=total.tool_calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await Parrot().ainvoke(state["messages"])]}


graph = (
    StateGraph(MessagesState)
    .add_node(model)
    .add_node("tools", ToolNode([add]))
    .add_edge(START, "model")
    .add_conditional_edges("model", tools_condition)
    .add_edge("tools", "model")
    .compile()
)
