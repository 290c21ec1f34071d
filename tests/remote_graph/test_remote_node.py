"""A graph of the server as a node of a local graph, which has a checkpointer of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command, StateSnapshot, interrupt
from typing_extensions import TypedDict

Call = Callable[[Any], Any]
Remote = Callable[[str], RemoteGraph]


class State(TypedDict, total=False):
    foo: str
    kind: str
    answers: Annotated[list[str], operator.add]
    log: Annotated[list[str], operator.add]


def first(_state: State) -> State:
    return {"log": ["first"]}


def last(_state: State) -> State:
    return {"log": ["last"]}


@pytest.fixture
def parent(remote: Remote, call: Call) -> Callable[[str], Any]:
    """first → the graph of this name → last"""

    def build(name: str) -> Any:
        builder = StateGraph(State).add_sequence([first, ("remote", remote(name)), last])
        return call(builder.add_edge(START, "first").compile(checkpointer=InMemorySaver()))

    return build


Parent = Callable[[str], Any]


def thread_of(config: RunnableConfig) -> RunnableConfig:
    return {"configurable": {"thread_id": config["configurable"]["thread_id"]}}


def names(namespace: tuple[str, ...]) -> list[str]:
    """Without the ids of the tasks."""
    return [segment.partition(":")[0] for segment in namespace]


# -- running and streaming -------------------------------------------------------------------


def test_what_a_remote_node_returns_is_an_update(parent: Parent, config: RunnableConfig) -> None:
    done = parent("echo").invoke({"foo": "a"}, config)
    assert done["foo"] == "a!"
    assert done["log"] == ["first", "first", "e1", "e2", "last"]


def test_steps_of_the_remote_graph_are_streamed(parent: Parent, config: RunnableConfig) -> None:
    parts = parent("nested").stream({}, config, stream_mode=["updates", "custom"], subgraphs=True)
    assert [(mode, names(namespace), *data) for namespace, mode, data in parts] == [
        ("updates", [], "first"),
        ("custom", ["remote"], "from"),
        ("updates", ["remote"], "root"),
        ("custom", ["remote", "child"], "from"),
        ("updates", ["remote", "child"], "branch"),
        ("custom", ["remote", "child", "below"], "from"),
        ("updates", ["remote", "child", "below"], "leaf"),
        ("updates", ["remote", "child"], "below"),
        ("updates", ["remote"], "child"),
        ("updates", [], "remote"),
        ("updates", [], "last"),
    ]


def test_its_messages_are_streamed(remote: Remote, call: Call, config: RunnableConfig) -> None:
    builder = StateGraph(MessagesState).add_node("remote", remote("chat"))
    graph = call(builder.add_edge(START, "remote").compile())
    question = {"messages": [{"role": "user", "content": "1 + 3?"}]}
    parts = list(graph.stream(question, config, stream_mode=["messages"], subgraphs=True))
    words = [
        chunk["content"]
        for namespace, _, (chunk, metadata) in parts
        if namespace and metadata["langgraph_node"] == "model" and chunk["content"]
    ]
    assert words == ["the ", "answer ", "is ", "4"]


def test_its_failure_fails_the_parent(parent: Parent, config: RunnableConfig) -> None:
    fails = parent("fails_late")
    with pytest.raises(RemoteException, match="boom happened"):
        fails.invoke({"kind": "value"}, config)
    assert fails.get_state(config).next == ("remote",)


# -- interrupts ------------------------------------------------------------------------------


def test_its_interrupt_is_the_parents(parent: Parent, config: RunnableConfig) -> None:
    graph = parent("ask")
    parts = list(graph.stream({"foo": "a"}, config, stream_mode=["updates"], subgraphs=True))
    asked = [
        (names(namespace), data["__interrupt__"])
        for namespace, _, data in parts
        if "__interrupt__" in data
    ]
    assert [namespace for namespace, _ in asked] == [["remote"], []]
    [[inner], [outer]] = [interrupts for _, interrupts in asked]
    assert (outer.value, outer.id) == ({"q": "name?"}, inner["id"])
    state = graph.get_state(config)
    assert state.next == ("remote",)
    assert [each.id for each in state.interrupts] == [outer.id]


def test_an_answer_to_the_parent_resumes_the_remote_graph(
    parent: Parent, remote: Remote, config: RunnableConfig
) -> None:
    graph = parent("ask")
    [asked] = graph.invoke({"foo": "a"}, config)["__interrupt__"]
    parts = list(
        graph.stream(
            Command(resume={asked.id: "ann"}), config, stream_mode=["updates"], subgraphs=True
        )
    )
    assert [(names(namespace), *data) for namespace, _, data in parts] == [
        (["remote"], "asker"),
        (["remote"], "after"),
        ([], "remote"),
        ([], "last"),
    ]
    state = graph.get_state(config)
    assert (state.next, state.interrupts) == ((), ())
    assert state.values["answers"] == ["ann"]
    assert state.values["log"] == ["first", "first", "before", "asker", "after", "last"]
    sync_client = remote("ask").sync_client
    assert sync_client is not None
    thread = sync_client.threads.get(config["configurable"]["thread_id"])
    assert thread["status"] == "idle"


def test_answers_one_by_one(parent: Parent, config: RunnableConfig) -> None:
    graph = parent("ask_twice")
    [one] = graph.invoke({"foo": "a"}, config)["__interrupt__"]
    [two] = graph.invoke(Command(resume={one.id: "1"}), config)["__interrupt__"]
    assert (one.value, two.value) == ({"q": "first?"}, {"q": "second?"})
    assert graph.invoke(Command(resume={two.id: "2"}), config)["answers"] == ["1", "2"]


def test_an_interrupt_in_a_subgraph_of_the_remote_graph(
    parent: Parent, config: RunnableConfig
) -> None:
    graph = parent("ask_nested")
    [asked] = graph.invoke({"foo": "a"}, config)["__interrupt__"]
    assert graph.invoke(Command(resume={asked.id: "deep"}), config)["answers"] == ["deep"]


def test_a_parent_that_goes_on_without_an_answer_is_asked_again(
    parent: Parent, config: RunnableConfig
) -> None:
    """The client does not send a plain answer; nothing is done twice, and the question stays."""
    graph = parent("ask")
    [asked] = graph.invoke({"foo": "a"}, config)["__interrupt__"]
    for given in (None, Command(resume="to whom?")):
        [again] = graph.invoke(given, config)["__interrupt__"]
        assert again.id == asked.id
    done = graph.invoke(Command(resume={asked.id: "ann"}), config)
    assert (done["answers"], done["log"].count("before")) == (["ann"], 1)


def test_a_parent_that_is_resumed_behind_the_remote_node(
    remote: Remote, call: Call, config: RunnableConfig
) -> None:
    """The remote thread has nothing left to do: in the second round its input is a new one."""

    def check(_state: State) -> Command[Any]:
        again = interrupt("again?")
        return Command(goto="remote" if again else "__end__")

    builder = StateGraph(State).add_node("remote", remote("echo")).add_node(check)
    builder.add_edge(START, "remote").add_edge("remote", "check")
    graph = call(builder.compile(checkpointer=InMemorySaver()))
    graph.invoke({"foo": "a"}, config)
    assert graph.invoke(Command(resume=True), config)["foo"] == "a!!"
    assert "__interrupt__" not in graph.invoke(Command(resume=False), config)


def test_a_node_that_asks_in_the_remote_graphs_stead(
    remote: Remote, call: Call, config: RunnableConfig
) -> None:
    """Plain answers reach a remote graph through nodes that call it."""
    ask = remote("ask")

    def start(state: State, config: RunnableConfig) -> State:
        ask.invoke({"foo": state["foo"]}, thread_of(config))
        return {"log": ["started"]}

    def finish(_state: State, config: RunnableConfig) -> State:
        [pending] = ask.get_state(thread_of(config)).interrupts
        done = ask.invoke(Command(resume=interrupt(pending.value)), thread_of(config))
        return {"answers": done["answers"]}

    builder = StateGraph(State).add_sequence([start, finish]).add_edge(START, "start")
    graph = call(builder.compile(checkpointer=InMemorySaver()))
    [asked] = graph.invoke({"foo": "a"}, config)["__interrupt__"]
    assert asked.value == {"q": "name?"}
    assert graph.invoke(Command(resume="ann"), config)["answers"] == ["ann"]


# -- states and drawings of the whole --------------------------------------------------------


def test_the_state_of_the_parent_with_its_subgraphs(parent: Parent, config: RunnableConfig) -> None:
    """The client names the place of the node in the parent, where the server has nothing."""
    graph = parent("ask")
    graph.invoke({"foo": "a"}, config)
    [task] = graph.get_state(config, subgraphs=True).tasks
    assert isinstance(task.state, StateSnapshot)
    assert task.state.values == {}


def test_the_drawing_shows_the_remote_nodes(remote: Remote, call: Call) -> None:
    builder = StateGraph(State).add_node("remote", remote("echo")).add_edge(START, "remote")
    graph = call(builder.compile())
    assert {"remote:e1", "remote:e2"} <= set(graph.get_graph(xray=True).nodes)
