"""What langgraph.json may name, how it is opened for a run, and what is said when it is bad."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.store.memory import InMemoryStore
from project_folder import ECHO, Project

from lgtrio.config import DEMO_CONFIG
from lgtrio.errors import GraphLoadFailed
from lgtrio.graphs.loader import GraphKind, LoadedGraph, load_graphs
from lgtrio.graphs.runtimes import execution_runtime
from lgtrio.langgraph_json import read_langgraph_json


def say(graph: LoadedGraph, **config: Any) -> str:
    """Open the graph as a run does, and what it says."""

    async def run() -> str:
        runtime = execution_runtime(store=InMemoryStore(), context={"who": "ada"})
        async with graph.open({"configurable": config}, runtime) as opened:
            result = await opened.ainvoke({"said": ""})
        return str(result["said"])

    return asyncio.run(run())


# -- what may be named -----------------------------------------------------------------------
@pytest.mark.parametrize("variable", ["graph", "uncompiled"])
def test_a_graph_compiled_or_not(project: Project, variable: str) -> None:
    graph = project.load_one("uncompiled = build('hi')", variable)
    assert graph.kind is GraphKind.STATIC
    assert say(graph) == "hi"


def test_a_static_graph_is_never_copied(project: Project) -> None:
    graph = project.load_one("")

    async def opened() -> object:
        async with graph.open({}, execution_runtime(store=InMemoryStore())) as opened:
            return opened

    assert asyncio.run(opened()) is asyncio.run(opened()) is graph.sample


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def make(): return build('sync')", "sync"),
        ("async def make(): return build('async').compile()", "async"),
        ("def make(config): return build(config['configurable'].get('word', ''))", "w"),
        ("def make(anything): return build(anything['configurable'].get('word', ''))", "w"),
        (
            """
            from langchain_core.runnables import RunnableConfig
            async def make(c: RunnableConfig | None): return build(c['configurable'].get('word'))
            """,
            "w",
        ),
        (
            """
            from langgraph_sdk.runtime import ServerRuntime
            def make(r: ServerRuntime):
                running = r.execution_runtime
                return build(running.context['who'] if running else 'reading')
            """,
            "ada",
        ),
        (
            """
            from langgraph.runtime import Runtime
            def make(config, *, runtime: Runtime):
                return build(str((runtime.context or {}).get('who')))
            """,
            "ada",
        ),
        ("def make(config=None, limit=3, *more, **others): return build(str(limit))", "3"),
        (
            "def make(runtime, config, /): return build(runtime.access_context)",
            "threads.create_run",
        ),
        ("class Maker:\n    def __call__(self): return build('object')\nmake = Maker()", "object"),
        ("import functools\nmake = functools.partial(build, 'part')", "part"),
    ],
)
def test_a_function_that_builds_a_graph(project: Project, source: str, said: str) -> None:
    graph = project.load_one(source, "make")
    assert graph.kind is GraphKind.FACTORY
    assert say(graph, word="w") == said


@pytest.mark.parametrize("kind", ["asynccontextmanager", "contextmanager"])
def test_a_context_manager_is_left_when_the_run_ends(project: Project, kind: str) -> None:
    asynchronous = "async " if kind.startswith("async") else ""
    graph = project.load_one(
        f"""
        import contextlib
        notes = []
        @contextlib.{kind}
        {asynchronous}def make():
            notes.append('enter')
            try:
                yield build(','.join(notes))
            finally:
                notes.append('leave')
        """,
        "make",
    )
    # tried out once at the start, and left
    assert say(graph) == "enter,leave,enter"
    assert say(graph) == "enter,leave,enter,leave,enter"


def test_a_cancelled_run_leaves_its_factory(project: Project) -> None:
    graph = project.load_one(
        """
        import asyncio, contextlib
        left = []
        @contextlib.asynccontextmanager
        async def make():
            try:
                yield build('')
            except asyncio.CancelledError:
                left.append('cancelled')
                raise
        """,
        "make",
    )

    async def run(opened: asyncio.Event) -> None:
        async with graph.open({}, execution_runtime(store=InMemoryStore())):
            opened.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        opened = asyncio.Event()
        task = asyncio.create_task(run(opened))
        await opened.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancel())
    import agent  # the module that was loaded

    assert agent.left == ["cancelled"]


def test_an_entrypoint_is_a_graph(project: Project) -> None:
    graph = project.load_one(
        """
        from langgraph.func import entrypoint
        @entrypoint()
        async def work(state: dict) -> dict: return {'said': 'worked'}
        """,
        "work",
    )
    assert graph.kind is GraphKind.STATIC
    assert say(graph) == "worked"


def test_descriptions_and_the_order_of_the_file(project: Project) -> None:
    project.write("agent.py", ECHO)
    entry = {"path": "./agent.py:graph", "description": "Says hi"}
    loaded = project.load_now({"z": entry, "a": "./agent.py:graph"})
    assert list(loaded.graphs) == ["z", "a"]
    assert loaded.graphs["z"].description == "Says hi"


def test_only_some_of_the_graphs(project: Project) -> None:
    project.write("agent.py", ECHO)
    project.write("broken.py", "1 / 0")
    path = project.write(
        "langgraph.json", '{"graphs": {"a": "./agent.py:graph", "b": "./broken.py:graph"}}'
    )
    loaded = asyncio.run(load_graphs(read_langgraph_json(path), only=["a"]))
    assert list(loaded.graphs) == ["a"]


def test_own_checkpointers_and_stores_are_pointed_out(project: Project) -> None:
    project.write(
        "agent.py",
        ECHO
        + "from langgraph.checkpoint.memory import InMemorySaver\n"
        + "own = build('').compile(checkpointer=InMemorySaver())\n",
    )
    warnings = project.load_now({"a": "./agent.py:own", "b": "./agent.py:graph"}).warnings
    assert warnings == [
        "Graph a is compiled with a checkpointer of its own; it is replaced by the server's."
    ]


@pytest.mark.usefixtures("project")
def test_the_demo_graphs_load() -> None:
    loaded = asyncio.run(load_graphs(read_langgraph_json(DEMO_CONFIG)))
    assert {each.kind for each in loaded.graphs.values()} == {GraphKind.STATIC}
    assert all(each.description for each in loaded.graphs.values())


# -- the loop at import ----------------------------------------------------------------------
def test_a_module_may_run_a_loop_of_its_own(project: Project) -> None:
    source = "import asyncio\ngraph = asyncio.run(asyncio.sleep(0, build('ran')))"
    assert say(project.load_one(source)) == "ran"


def test_a_module_sees_the_loop_its_graph_will_run_on(project: Project) -> None:
    project.write("agent.py", ECHO + "import asyncio\nloop = asyncio.get_event_loop()\n")

    async def load() -> bool:
        await project.load({"a": "./agent.py:graph"})
        import agent

        return agent.loop is asyncio.get_running_loop()

    assert asyncio.run(load())


# -- what is said when it is bad -------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("thing = 3", 12, "`thing` is of the type int; it must be a compiled graph"),
        ("def thing(x, y): ...", 12, "`thing` takes the argument x, y; a function that builds"),
        ("def thing(): return None", 12, "`thing` returned something that is of the type None"),
        ("def thing(): yield graph", 12, "`thing` is a generator function; put @contextlib"),
        ("async def thing(): yield 1", 12, "`thing` is a generator function; put @contextlib"),
        ("class thing: ...", 12, "`thing` is of the type type; it must be"),
    ],
)
def test_a_variable_that_is_no_graph(
    project: Project, source: str, line: int, message: str
) -> None:
    project.write("agent.py", ECHO + source + "\n")
    [problem] = project.problems({"a": "./agent.py:thing"})
    assert str(problem.file).endswith("agent.py")
    assert problem.line == line
    assert problem.message.startswith(f"graph 'a': {message}")


def test_a_variable_that_is_not_there_points_at_langgraph_json(project: Project) -> None:
    file = project.write("agent.py", ECHO)
    [problem] = project.problems({"a": "./agent.py:grap"})
    assert str(problem) == (
        f"langgraph.json:1: graph 'a': there is no `grap` in {file}; graphs in it: graph"
    )


def test_a_bad_variable_from_elsewhere_points_at_langgraph_json(project: Project) -> None:
    project.write("agent.py", "globals()['thing'] = 3\n")
    [problem] = project.problems({"a": "./agent.py:thing"})
    assert str(problem).startswith("langgraph.json:1: graph 'a': `thing` is of the type int")


def test_a_module_that_is_not_there_points_at_langgraph_json(project: Project) -> None:
    [problem] = project.problems({"a": "no_such_module.here:graph"})
    assert problem.place == "langgraph.json:1"
    assert "No module named 'no_such_module'" in problem.message


def test_a_factory_that_fails_shows_its_own_frames(project: Project) -> None:
    project.write("agent.py", ECHO + "def make():\n    return build(1 / 0)\n")
    [problem] = project.problems({"a": "./agent.py:make"})
    assert problem.line == 13
    assert problem.traceback is not None
    assert problem.traceback.count("  File ") == 1
    assert problem.message == "graph 'a': ZeroDivisionError: division by zero"


def test_a_factory_that_changes_its_mind(project: Project) -> None:
    graph = project.load_one(
        "def make(config): return 3 if 'word' in config['configurable'] else build('')", "make"
    )
    with pytest.raises(GraphLoadFailed, match=r"^The factory of graph a returned something that"):
        say(graph, word="w")


def test_a_broken_module_of_two_graphs_is_run_and_shown_once(project: Project) -> None:
    project.write("agent.py", "with open('runs', 'a') as f: f.write('x')\n1 / 0\n")
    first, second = project.problems({"a": "./agent.py:a", "b": "./agent.py:b"})
    assert first.traceback is not None
    assert second.traceback is None
    assert second.message == "graph 'b': ZeroDivisionError: division by zero"
    assert (project.folder / "runs").read_text() == "x"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = (\n", 1, "SyntaxError: '(' was never closed"),
        ("\nimport sys\nsys.exit('no key')\n", 3, "SystemExit: no key"),
        ("\nimport not_there\n", 2, "ModuleNotFoundError: No module named 'not_there' (install"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting property name"),
    ],
)
def test_a_module_that_cannot_be_imported(
    project: Project, source: str, line: int, message: str
) -> None:
    project.write("agent.py", source)
    [problem] = project.problems({"a": "./agent.py:graph"})
    assert (str(problem.file).endswith("agent.py"), problem.line) == (True, line)
    assert problem.message.startswith(f"graph 'a': {message}")
    assert problem.traceback is not None
    assert "importlib" not in problem.traceback


def test_a_file_that_is_not_there_points_at_langgraph_json(project: Project) -> None:
    [problem] = project.problems({"a": "./gone.py:graph"})
    assert problem.place == "langgraph.json:1"


def test_a_graph_that_does_not_compile(project: Project) -> None:
    project.write("agent.py", ECHO + "bad = StateGraph(State)\n")
    [problem] = project.problems({"a": "./agent.py:bad"})
    assert "ValueError: Graph must have an entrypoint" in problem.message


def test_every_graph_is_tried(project: Project) -> None:
    project.write("one.py", "1 / 0")
    project.write("two.py", "[][0]")
    found = project.problems({"a": "./one.py:graph", "b": "./two.py:graph"})
    assert [each.message.split(":")[0] for each in found] == ["graph 'a'", "graph 'b'"]
