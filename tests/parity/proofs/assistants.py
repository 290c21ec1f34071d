"""What the parameters of the assistants' client do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from parity.proving import proves, proves_each
from parity.world import World, refused


def seen(world: World, assistant_id: str) -> Any:
    """What a node of the graph `context` sees when an assistant runs it."""
    return world.sdk.runs.wait(None, assistant_id, input={})["seen"]


def names(rows: list[Any]) -> list[str]:
    return [each["name"] for each in rows]


def three(world: World) -> dict[str, str]:
    """Metadata that three assistants of two graphs have, called alpha, beta and gamma bet."""
    mark = {"mark": world.mark}
    for name, graph in (("beta", "echo"), ("Alpha", "context"), ("gamma bet", "echo")):
        world.assistant(graph, name=name, metadata={**mark, "initial": name[0]})
    world.assistant(name="beta")
    return mark


# -- creating ------------------------------------------------------------------------------


@proves("assistants.create", "graph_id")
def create_for_a_graph(world: World) -> None:
    assert world.sdk.runs.wait(None, world.assistant("echo"), input={"foo": "1"})["foo"] == "1!"
    assert "seen" in world.sdk.runs.wait(None, world.assistant("context"), input={})


@proves("assistants.create", "config")
def create_with_a_config(world: World) -> None:
    config = {"tags": ["t"], "recursion_limit": 7, "configurable": {"own": world.mark}}
    found = seen(world, world.assistant("context", config=config))
    assert found["configurable"]["own"] == world.mark
    assert (found["tags"], found["recursion_limit"]) == (["t"], 7)


@proves("assistants.create", "context")
def create_with_a_context(world: World) -> None:
    assert seen(world, world.assistant("context", context={"model": "m1"}))["model"] == "m1"


@proves("assistants.create", "metadata", "name", "description", "assistant_id")
def create_with_a_name(world: World) -> None:
    chosen = str(uuid4())
    given = {"metadata": {"mark": world.mark}, "name": f"n {world.mark}", "description": "d"}
    world.sdk.assistants.create("echo", assistant_id=chosen, **given)
    found = world.sdk.assistants.get(chosen)
    assert {name: found[name] for name in given} == given
    run = world.sdk.runs.create(None, chosen, input={})
    assert run["metadata"]["mark"] == world.mark


@proves("assistants.create", "if_exists")
def create_what_exists(world: World) -> None:
    there = world.assistant("echo")
    again = world.assistant("context", assistant_id=there, if_exists="do_nothing")
    assert again == there
    assert world.sdk.assistants.get(there)["graph_id"] == "echo"


# -- one of them ---------------------------------------------------------------------------


@proves("assistants.get", "assistant_id")
@proves("assistants.delete", "assistant_id")
def one_is_not_the_other(world: World) -> None:
    first, second = world.assistant(), world.assistant()
    for assistant_id in (first, second):
        assert world.sdk.assistants.get(assistant_id)["assistant_id"] == assistant_id
    for assistant_id in (first, second):
        world.sdk.assistants.delete(assistant_id)
        with refused() as answer:
            world.sdk.assistants.get(assistant_id)
        assert answer.status == 404


@proves("assistants.delete", "delete_threads")
def delete_with_threads(world: World) -> None:
    assistant_id = world.assistant()
    thread_id = world.thread(metadata={"assistant_id": assistant_id})
    world.sdk.assistants.delete(assistant_id, delete_threads=True)
    with refused() as answer:
        world.sdk.threads.get(thread_id)
    assert answer.status == 404


@proves("assistants.get_graph", "assistant_id", "xray")
def drawings(world: World) -> None:
    def nodes(assistant_id: str, **options: Any) -> set[str]:
        drawn = world.sdk.assistants.get_graph(assistant_id, **options)
        return {each["id"] for each in drawn["nodes"]} - {"__start__", "__end__"}

    assert nodes(world.assistant("echo")) == {"e1", "e2"}
    nested = world.assistant("nested")
    assert nodes(nested) == {"root", "child"}
    assert nodes(nested, xray=1) == {"root", "child:branch", "child:below"}
    assert nodes(nested, xray=True) == {"root", "child:branch", "child:below:leaf"}


@proves("assistants.get_schemas", "assistant_id")
def schemas(world: World) -> None:
    def fields(graph: str) -> set[str]:
        found = world.sdk.assistants.get_schemas(world.assistant(graph))
        assert found["graph_id"] == graph
        return set(found["input_schema"]["properties"])

    assert fields("echo") == {"foo", "log"}
    assert fields("context") == {"ask", "seen"}


@proves("assistants.get_subgraphs", "assistant_id", "namespace", "recurse")
def subgraphs(world: World) -> None:
    nested, ask_nested = world.assistant("nested"), world.assistant("ask_nested")
    found = world.sdk.assistants.get_subgraphs
    assert set(found(ask_nested)) == {"inner"}
    assert set(found(nested)) == {"child"}
    assert set(found(nested, recurse=True)) == {"child", "child|below"}
    assert set(found(nested, namespace="child|below", recurse=True)) == {"child|below"}


# -- changing ------------------------------------------------------------------------------


@proves("assistants.update", "assistant_id", "graph_id")
def update_the_graph(world: World) -> None:
    for assistant_id in (world.assistant("echo"), world.assistant("echo")):
        world.sdk.assistants.update(assistant_id, graph_id="context")
        assert "seen" in world.sdk.runs.wait(None, assistant_id, input={})


@proves("assistants.update", "config")
def update_the_config(world: World) -> None:
    assistant_id = world.assistant("context", config={"tags": ["a"]})
    world.sdk.assistants.update(assistant_id, config={"tags": ["b"]})
    assert seen(world, assistant_id)["tags"] == ["b"]


@proves("assistants.update", "context")
def update_the_context(world: World) -> None:
    assistant_id = world.assistant("context", context={"model": "m1"})
    world.sdk.assistants.update(assistant_id, context={"model": "m2"})
    assert seen(world, assistant_id)["model"] == "m2"


@proves("assistants.update", "metadata", "name", "description")
def update_the_rest(world: World) -> None:
    assistant_id = world.assistant(metadata={"a": 1, "b": 1}, name="n", description="d")
    given = {"metadata": {"b": 2}, "name": "m", "description": "e"}
    world.sdk.assistants.update(assistant_id, **given)
    found = world.sdk.assistants.get(assistant_id)
    merged = {**given, "metadata": {"a": 1, "b": 2}}
    assert {name: found[name] for name in given} == merged


@proves("assistants.get_versions", "assistant_id", "metadata", "limit", "offset")
def versions(world: World) -> None:
    first, second = world.assistant(metadata={"n": 1}), world.assistant(name="other")
    for number in (2, 3, 4):
        world.sdk.assistants.update(first, metadata={"n": number, "even": number % 2 == 0})

    def found(assistant_id: str, **asked: Any) -> list[int]:
        rows = world.sdk.assistants.get_versions(assistant_id, **asked)
        return [each["version"] for each in rows]

    assert found(first) == [4, 3, 2, 1]
    assert found(second) == [1]
    assert found(first, metadata={"even": True}) == [4, 2]
    assert found(first, limit=3) == [4, 3, 2]
    assert found(first, offset=3) == [1]


@proves("assistants.set_latest", "assistant_id", "version")
def latest(world: World) -> None:
    for assistant_id in (world.assistant(name="v1"), world.assistant(name="v1")):
        world.sdk.assistants.update(assistant_id, name="v2")
        world.sdk.assistants.update(assistant_id, name="v3")
        for version in (1, 2):
            world.sdk.assistants.set_latest(assistant_id, version)
            assert world.sdk.assistants.get(assistant_id)["name"] == f"v{version}"


# -- searching -----------------------------------------------------------------------------


@proves("assistants.search", "metadata", "graph_id")
def search(world: World) -> None:
    mark = three(world)
    found = world.sdk.assistants.search
    assert names(found(metadata=mark)) == ["gamma bet", "Alpha", "beta"]
    assert names(found(metadata={**mark, "initial": "A"})) == ["Alpha"]
    assert names(found(metadata=mark, graph_id="echo")) == ["gamma bet", "beta"]


@proves_each(["assistants.search", "assistants.count"], "name")
def search_by_name(world: World, method: str) -> None:
    mark = three(world)
    found = world.method(method)(metadata=mark, name="BET")
    assert (found if method == "assistants.count" else len(found)) == 2


@proves("assistants.search", "limit", "offset", "sort_by", "sort_order", "select")
def pages(world: World) -> None:
    mark = three(world)
    found = world.sdk.assistants.search
    assert names(found(metadata=mark, limit=2)) == ["gamma bet", "Alpha"]
    assert names(found(metadata=mark, offset=1)) == ["Alpha", "beta"]
    assert names(found(metadata=mark, sort_by="name")) == ["gamma bet", "beta", "Alpha"]
    assert names(found(metadata=mark, sort_order="asc")) == ["beta", "Alpha", "gamma bet"]
    rows = found(metadata=mark, select=["name", "version"], limit=1)
    assert rows == [{"name": "gamma bet", "version": 1}]


@proves("assistants.search", "response_format")
def pages_with_the_place_of_the_next(world: World) -> None:
    mark = three(world)
    page = world.sdk.assistants.search(metadata=mark, limit=2, response_format="object")
    assert (names(page["assistants"]), page["next"]) == (["gamma bet", "Alpha"], "2")


@proves("assistants.count", "metadata", "graph_id")
def count(world: World) -> None:
    mark = three(world)
    assert world.sdk.assistants.count(metadata=mark) == 3
    assert world.sdk.assistants.count(metadata=mark, graph_id="echo") == 2
