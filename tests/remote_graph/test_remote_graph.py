"""`RemoteGraph`: a graph of the server, called as if it were a local one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command, StateSnapshot

Call = Callable[[Any], Any]
Remote = Callable[[str], RemoteGraph]


@pytest.fixture
def graph(remote: Remote, call: Call) -> Callable[[str], Any]:
    """A graph of the server, called in one way or the other."""
    return lambda name: call(remote(name))


Graph = Callable[[str], Any]


# -- invoke and stream -----------------------------------------------------------------------


def test_invoke_without_a_thread(graph: Graph) -> None:
    assert graph("echo").invoke({"foo": "a"}) == {"foo": "a!", "log": ["e1", "e2"]}


def test_a_thread_is_made_by_its_first_use_and_kept(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    assert echo.invoke({"foo": "a"}, config)["log"] == ["e1", "e2"]
    assert echo.invoke({"foo": "b"}, config)["log"] == ["e1", "e2", "e1", "e2"]


def test_config_and_context_reach_the_nodes(graph: Graph, config: RunnableConfig) -> None:
    config = {**config, "tags": ["t"], "recursion_limit": 7, "metadata": {"m": [1, "x"]}}
    seen = graph("context").invoke({}, config, context={"model": "m1", "temperature": 0.25})["seen"]
    assert (seen["model"], seen["temperature"]) == ("m1", 0.25)
    assert (seen["tags"], seen["recursion_limit"]) == (["t"], 7)
    assert seen["metadata"]["m"] == [1, "x"]
    config["configurable"]["color"] = "red"
    seen = graph("context").invoke({}, config)["seen"]
    assert seen["configurable"]["color"] == "red"


def test_the_config_of_the_graph_itself(remote: Remote, call: Call, config: RunnableConfig) -> None:
    bound = remote("context").with_config({"configurable": {"color": "blue"}, "tags": ["own"]})
    seen = call(bound).invoke({}, config)["seen"]
    assert (seen["configurable"]["color"], seen["tags"]) == ("blue", ["own"])


def test_updates_are_what_is_streamed_unless_asked(graph: Graph) -> None:
    assert list(graph("echo").stream({"foo": "a"})) == [
        {"e1": {"log": ["e1"]}},
        {"e2": {"foo": "a!", "log": ["e2"]}},
    ]


def test_several_modes(graph: Graph) -> None:
    parts = list(graph("emit").stream({"count": 2}, stream_mode=["values", "custom", "tasks"]))
    assert [(part.event, part.data) for part in parts if part.event != "tasks"] == [
        ("values", {"count": 2}),
        ("custom", {"n": 0}),
        ("custom", {"n": 1}),
        ("values", {"count": 2, "emitted": 2}),
    ]
    started, ended = (part.data for part in parts if part.event == "tasks")
    assert (started["name"], started["input"]) == ("emitter", {"count": 2})
    assert ended["result"] == {"emitted": 2}


def test_subgraphs_come_with_their_namespaces(graph: Graph) -> None:
    parts = graph("nested").stream({}, stream_mode=["custom", "updates"], subgraphs=True)
    seen = [
        (mode, [segment.partition(":")[0] for segment in namespace], *data)
        for namespace, mode, data in parts
    ]
    assert seen == [
        ("custom", [], "from"),
        ("updates", [], "root"),
        ("custom", ["child"], "from"),
        ("updates", ["child"], "branch"),
        ("custom", ["child", "below"], "from"),
        ("updates", ["child", "below"], "leaf"),
        ("updates", ["child"], "below"),
        ("updates", [], "child"),
    ]


def test_messages_come_word_by_word(graph: Graph) -> None:
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    parts = list(graph("chat").stream(question, stream_mode="messages"))
    words = [
        chunk["content"]
        for chunk, metadata in parts
        if metadata["langgraph_node"] == "model" and chunk["content"]
    ]
    assert words == ["the ", "answer ", "is ", "4"]


def test_the_second_version_of_stream_parts(graph: Graph, config: RunnableConfig) -> None:
    asked = list(graph("ask").stream({"foo": "a"}, config, stream_mode="values", version="v2"))
    assert [part["type"] for part in asked] == ["values"] * len(asked)
    [interrupt] = asked[-1]["interrupts"]
    assert interrupt.value == {"q": "name?"}
    assert asked[-1]["data"]["log"] == ["before"]


def test_a_failure_is_raised(graph: Graph) -> None:
    with pytest.raises(RemoteException) as failed:
        graph("fails").invoke({"kind": "value"})
    assert failed.value.args == ({"error": "ValueError", "message": "boom happened"},)


# -- interrupts ------------------------------------------------------------------------------


def test_an_interrupt_is_answered_with_a_command(graph: Graph, config: RunnableConfig) -> None:
    ask = graph("ask")
    asked = ask.invoke({"foo": "a"}, config)
    assert [each["value"] for each in asked["__interrupt__"]] == [{"q": "name?"}]
    done = ask.invoke(Command(resume="ann"), config)
    assert (done["answers"], done["log"]) == (["ann"], ["before", "asker", "after"])


def test_parallel_interrupts_are_answered_by_their_ids(
    graph: Graph, config: RunnableConfig
) -> None:
    ask = graph("ask_parallel")
    ask.invoke({"foo": "a"}, config)
    ids = {each.value["q"]: each.id for each in ask.get_state(config).interrupts}
    done = ask.invoke(Command(resume={ids["left?"]: "l", ids["right?"]: "r"}), config)
    assert sorted(done["answers"]) == ["left:l", "right:r"]


def test_a_command_may_also_update_and_go_elsewhere(graph: Graph, config: RunnableConfig) -> None:
    ask = graph("ask")
    ask.invoke({"foo": "a"}, config)
    done = ask.invoke(Command(update={"foo": "b"}, goto="after"), config)
    assert done["foo"] == "b"
    assert "after" in done["log"]


def test_static_breakpoints(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    assert echo.invoke({"foo": "a"}, config, interrupt_before=["e2"])["log"] == ["e1"]
    assert echo.get_state(config).next == ("e2",)
    assert echo.invoke(None, config, interrupt_after="*")["log"] == ["e1", "e2"]


# -- states ----------------------------------------------------------------------------------


def test_the_state_of_a_finished_thread(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    echo.invoke({"foo": "a"}, config)
    state = echo.get_state(config)
    assert isinstance(state, StateSnapshot)
    assert state.values == {"foo": "a!", "log": ["e1", "e2"]}
    assert (state.next, state.tasks, state.interrupts) == ((), (), ())
    assert state.metadata["step"] == 2
    assert state.created_at is not None
    assert state.config["configurable"]["thread_id"] == config["configurable"]["thread_id"]
    assert state.parent_config is not None


def test_the_state_of_a_thread_that_is_empty(
    graph: Graph, remote: Remote, config: RunnableConfig
) -> None:
    sync_client = remote("echo").sync_client
    assert sync_client is not None
    sync_client.threads.create(thread_id=config["configurable"]["thread_id"])
    state = graph("echo").get_state(config)
    assert (state.values, state.next, state.parent_config) == ({}, (), None)


def test_the_state_with_its_subgraphs(graph: Graph, config: RunnableConfig) -> None:
    ask = graph("ask_nested")
    ask.invoke({"foo": "a"}, config)
    [task] = ask.get_state(config).tasks
    assert task.name == "inner"
    assert [each.value for each in task.interrupts] == [{"q": "name?"}]
    inside = task.state["configurable"]["checkpoint_ns"]
    assert inside.startswith("inner:")
    [task] = ask.get_state(config, subgraphs=True).tasks
    assert isinstance(task.state, StateSnapshot)
    assert task.state.next == ("asker",)
    assert task.state.config["configurable"]["checkpoint_ns"] == inside


def test_the_history_and_a_fork_of_it(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    echo.invoke({"foo": "a"}, config)
    states = list(echo.get_state_history(config))
    assert [state.next for state in states] == [(), ("e2",), ("e1",), ("__start__",)]
    for newer, older in pairwise(states):
        assert newer.parent_config == older.config
    before = list(echo.get_state_history(config, before=states[1].config, limit=1))
    assert before == [states[2]]
    assert list(echo.get_state_history(config, filter={"source": "input"})) == [states[-1]]
    assert echo.get_state(states[1].config) == states[1]
    forked = echo.invoke(None, states[1].config)
    assert forked["log"] == ["e1", "e2"]


def test_an_update_of_the_state(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    echo.invoke({"foo": "a"}, config)
    updated = echo.update_state(config, {"foo": "b", "log": ["me"]}, as_node="e1")
    state = echo.get_state(updated)
    assert state.values == {"foo": "b", "log": ["e1", "e2", "me"]}
    assert state.next == ("e2",)
    assert state.config == updated
    assert echo.invoke(None, config)["foo"] == "b!"


def test_an_update_at_a_past_checkpoint(graph: Graph, config: RunnableConfig) -> None:
    echo = graph("echo")
    echo.invoke({"foo": "a"}, config)
    first = next(state for state in echo.get_state_history(config) if state.next == ("e2",))
    echo.update_state(first.config, {"foo": "z"}, as_node="e1")
    state = echo.get_state(config)
    assert (state.values["foo"], state.values["log"]) == ("z", ["e1"])


# -- the drawing -----------------------------------------------------------------------------


def test_the_drawing_with_and_without_subgraphs(graph: Graph) -> None:
    nested = graph("nested")
    assert set(nested.get_graph().nodes) == {"__start__", "root", "child", "__end__"}
    assert "child:branch" in nested.get_graph(xray=1).nodes
    assert "child:below:leaf" not in nested.get_graph(xray=1).nodes
    whole = nested.get_graph(xray=True)
    assert "child:below:leaf" in whole.nodes
    assert "leaf" in whole.draw_mermaid()
    drawn = graph("chat").get_graph()
    assert any(edge.conditional for edge in drawn.edges)
