"""The demo graphs do what their descriptions say, the same each time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from lgtrio.demo import approval, chat, echo, fails, fanout, nested, slow


def ask(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def test_echo_says_what_you_said() -> None:
    result = asyncio.run(echo.graph.ainvoke(ask("hello")))
    assert [each.content for each in result["messages"]] == ["hello", "hello"]


def test_chat_uses_its_tool() -> None:
    result = asyncio.run(chat.graph.ainvoke(ask("What is 6 times 7?")))
    _, call, answer, last = result["messages"]
    assert [each["args"] for each in call.tool_calls] == [{"a": 6, "b": 7}]
    assert answer.content == "42"
    assert last.content == "The result is 42."


def test_chat_without_numbers_answers_at_once() -> None:
    result = asyncio.run(chat.graph.ainvoke(ask("Hello!")))
    assert isinstance(result["messages"][-1], AIMessage)
    assert len(result["messages"]) == 2


def test_chat_streams_word_by_word() -> None:
    async def words() -> list[str]:
        parts = chat.graph.astream(ask("6 7"), stream_mode="messages")
        return [m.text async for m, _ in parts if isinstance(m, AIMessageChunk) and m.text]

    assert asyncio.run(words()) == ["The ", "result ", "is ", "42."]


def test_approval_stops_and_goes_on_with_the_answer() -> None:
    graph = approval.graph.copy(update={"checkpointer": InMemorySaver()})

    async def talk() -> list[dict[str, Any]]:
        config: Any = {"configurable": {"thread_id": "1"}}
        inputs: list[Any] = [{"to": "ada"}, Command(resume="no"), Command(resume=True)]
        return [await graph.ainvoke(each, config) for each in inputs]

    stopped, again, sent = asyncio.run(talk())
    assert stopped["__interrupt__"][0].value["question"] == "Send this?"
    assert again["__interrupt__"][0].value["draft"] == "Dear ada, no"
    assert sent["sent"] == "Dear ada, no"


def test_slow_takes_a_step_at_a_time() -> None:
    async def notes() -> list[Any]:
        given: Any = {"steps": 3, "seconds": 0}
        return [each async for each in slow.graph.astream(given, stream_mode="custom")]

    assert asyncio.run(notes()) == [{"done": n, "of": 3} for n in (1, 2, 3)]


def test_fanout_researches_at_once_and_joins() -> None:
    result = asyncio.run(fanout.graph.ainvoke({"topics": ["tea", "trains"]}))
    assert result["summary"] == "tea has 3 letters; trains has 6 letters"


def test_nested_goes_down_three_levels() -> None:
    async def depths() -> list[int]:
        parts = nested.graph.astream({"path": "x"}, stream_mode="updates", subgraphs=True)
        return [len(namespace) async for namespace, _ in parts]

    assert set(asyncio.run(depths())) == {0, 1, 2}
    result = asyncio.run(nested.graph.ainvoke({"path": "x"}))
    assert result["path"] == "x > trunk > branch > leaf"


def test_fails_fails() -> None:
    with pytest.raises(RuntimeError, match="no more paper"):
        asyncio.run(fails.graph.ainvoke({"reason": "no more paper"}))
