"""A chat model without a key: it streams word by word and knows when to call its tool."""

# ruff: noqa: ARG002 - the signatures are LangChain's

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult


class DemoModel(BaseChatModel):
    """Asks the tool `multiply` about the first two numbers of a question, then says the result.

    Where LangChain meets a real provider there would be HTTP calls; here is a regular expression.
    """

    word_seconds: float = 0.02
    """Pause between two words, so that streaming can be seen."""

    @property
    def _llm_type(self) -> str:
        return "demo"

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _answer(messages):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            await asyncio.sleep(self.word_seconds)
            yield chunk

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return generate_from_stream(self._stream(messages))


def _answer(messages: list[BaseMessage]) -> list[AIMessageChunk]:
    last = messages[-1]
    if isinstance(last, ToolMessage):
        return _words(f"The result is {last.text}.")
    numbers = re.findall(r"-?\d+", last.text)
    if len(numbers) < 2:
        return _words(f"You said: {last.text} Ask me what 6 times 7 is.")
    arguments = f'{{"a": {int(numbers[0])}, "b": {int(numbers[1])}}}'
    call = tool_call_chunk(name="multiply", args=arguments, id=f"call-{len(messages)}", index=0)
    return [AIMessageChunk(content="", tool_call_chunks=[call])]


def _words(text: str) -> list[AIMessageChunk]:
    return [AIMessageChunk(content=word) for word in re.findall(r"\S+\s*", text)]
