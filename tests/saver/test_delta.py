"""Threads with a `DeltaChannel`: what removing and copying must leave readable.

The value of such a channel is in no checkpoint. It is the sum of the writes stored on the
checkpoints before it, so rows that look superfluous may carry the state of the thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from lgtrio.graphs.saver import RunSaver
from lgtrio.wire.enums import Durability
from support.savers import Database, open_database

THREAD = "thread"


def _append(current: list[str], writes: Sequence[Any]) -> list[str]:
    return [*current, *(item for write in writes for item in write)]


def build(snapshot_frequency: int) -> Pregel[Any, Any, Any, Any]:
    """Adds one item for the input, one in each of two nodes; asks before the second if told to."""

    items: DeltaChannel[Any] = DeltaChannel(_append, snapshot_frequency=snapshot_frequency)
    State = TypedDict(  # noqa: UP013 - in a class the annotations could not see `items`
        "State", {"items": Annotated[list[str], items], "name": str, "ask": bool}
    )

    async def first(state: Any) -> dict[str, Any]:
        return {"items": [f"{state['name']}:first"]}

    async def second(state: Any) -> dict[str, Any]:
        answer = interrupt("go on?") if state.get("ask") else "unasked"
        return {"items": [f"{state['name']}:{answer}"], "ask": False}

    return (
        StateGraph(State)
        .add_node(first)
        .add_node(second)
        .add_edge(START, "first")
        .add_edge("first", "second")
        .compile()
    )


def added_by(name: str, answer: str = "unasked") -> list[str]:
    return [f"{name}:in", f"{name}:first", f"{name}:{answer}"]


def added_by_all(names: str) -> list[str]:
    return [item for name in names for item in added_by(name)]


@define
class Thread:
    """One thread on a database, worked on as the server does: a saver for each run."""

    database: Database
    snapshot_frequency: int = 100
    thread_id: str = THREAD
    graph: Pregel[Any, Any, Any, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.graph = build(self.snapshot_frequency)

    def config(self, checkpoint_id: str | None = None) -> RunnableConfig:
        configurable = {"thread_id": self.thread_id}
        if checkpoint_id:
            configurable["checkpoint_id"] = checkpoint_id
        return {"configurable": configurable}

    async def run(
        self,
        name: str,
        *,
        input: Any = None,
        ask: bool = False,
        checkpoint_id: str | None = None,
        durability: Durability = Durability.ASYNC,
    ) -> list[str]:
        """Run to the end or to the question; the items then."""
        access = self.database.access(name)
        graph = self._with(RunSaver(access, run_id=name, durability=durability))
        input = input or {"items": [f"{name}:in"], "name": name, "ask": ask}
        config = self.config(checkpoint_id)
        state = await graph.ainvoke(input, config, durability=durability.value)
        await access.wait_drained()
        items: list[str] = state["items"]
        return items

    def delete_run(self, name: str) -> None:
        self.database.saver().delete_for_runs([name])

    def prune(self) -> None:
        self.database.saver().prune([self.thread_id])

    async def items(self) -> list[str]:
        state = await self._with(self.database.saver()).aget_state(self.config())
        found: list[str] = state.values.get("items", [])
        return found

    async def history(self) -> Mapping[str, list[str]]:
        """Checkpoint id to the items there, newest first."""
        graph = self._with(self.database.saver())
        return {
            state.config["configurable"]["checkpoint_id"]: state.values.get("items", [])
            async for state in graph.aget_state_history(self.config())
        }

    def _with(self, saver: Any) -> Pregel[Any, Any, Any, Any]:
        return self.graph.copy(update={"checkpointer": saver})


def test_each_run_builds_on_the_last(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        await thread.run("a")
        assert await thread.run("b") == added_by("a") + added_by("b")
        assert await thread.items() == added_by("a") + added_by("b")

    asyncio.run(main())


@pytest.mark.parametrize("durability", list(Durability))
def test_pruned_to_the_latest(database: Database, durability: Durability) -> None:
    async def main() -> None:
        thread = Thread(database)
        for name in "abc":
            await thread.run(name, durability=durability)
        before = await thread.items()
        thread.prune()
        history = await thread.history()
        assert list(history.values()) == [before] == [added_by_all("abc")]
        assert await thread.run("d") == before + added_by("d")

    asyncio.run(main())


def test_pruning_frees_what_a_snapshot_has_made_superfluous(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database, snapshot_frequency=1)
        await thread.run("a")
        await thread.run("b")
        thread.prune()
        assert database.count("checkpoints") == 1
        assert database.count("checkpoint_writes") == 0

    asyncio.run(main())


def test_what_pruning_keeps_goes_with_the_next_snapshot(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database, snapshot_frequency=6)
        await thread.run("a")
        thread.prune()
        kept = database.count("checkpoints")
        assert kept > 1
        await thread.run("b")  # its updates reach the cadence
        before = await thread.items()
        thread.prune()
        assert database.count("checkpoints") < kept + 1
        assert await thread.items() == before

    asyncio.run(main())


def test_a_run_in_the_middle_is_deleted(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        for name in "abc":
            await thread.run(name)
        before = await thread.history()
        thread.delete_run("b")
        assert await thread.items() == added_by_all("abc")
        assert set(await thread.history()) < set(before)
        thread.delete_run("c")
        assert await thread.items() == added_by("a")
        assert database.count("checkpoints", "run_id LIKE '~%'") == 0  # nobody needs b any more
        assert database.count("checkpoint_writes", "run_id LIKE '~%'") == 0

    asyncio.run(main())


def test_a_run_rolled_back_leaves_nothing(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        await thread.run("a")
        before = await thread.history()
        rows = database.count("checkpoint_writes")
        await thread.run("b")
        thread.delete_run("b")
        assert await thread.history() == before
        assert database.count("checkpoint_writes") == rows
        assert await thread.run("c") == added_by("a") + added_by("c")

    asyncio.run(main())


def test_a_resume_rolled_back_asks_again(database: Database) -> None:
    """The resuming run writes onto the checkpoint of the run that asked."""

    async def main() -> None:
        thread = Thread(database)
        await thread.run("a", ask=True)
        before = await thread.history()
        resumed = await thread.run("b", input=Command(resume="yes"))
        assert resumed == added_by("a", "yes")
        thread.delete_run("b")
        assert await thread.history() == before
        assert await thread.run("c", input=Command(resume="no")) == added_by("a", "no")

    asyncio.run(main())


def test_the_asking_run_is_deleted_after_the_resume(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        await thread.run("a", ask=True)
        await thread.run("b", input=Command(resume="yes"))
        thread.delete_run("a")
        assert await thread.items() == added_by("a", "yes")
        assert await thread.run("c") == added_by("a", "yes") + added_by("c")

    asyncio.run(main())


@pytest.mark.parametrize("durability", list(Durability))
def test_a_fork_does_not_inherit_what_was_deleted_before_it(
    database: Database, durability: Durability
) -> None:
    """b's answer is written on a's last checkpoint, hidden but kept for c; d starts there."""

    async def main() -> None:
        thread = Thread(database)
        await thread.run("a", ask=True)
        question = next(iter(await thread.history()))
        await thread.run("b", input=Command(resume="yes"))
        await thread.run("c")
        thread.delete_run("b")
        assert await thread.items() == added_by("a", "yes") + added_by("c")
        answered = added_by("a", "no")
        resume: Command[Any] = Command(resume="no")
        assert (
            await thread.run("d", input=resume, checkpoint_id=question, durability=durability)
            == answered
        )
        assert await thread.items() == answered

    asyncio.run(main())


def test_a_deleted_run_on_one_of_two_branches(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        await thread.run("a")
        end_of_a = next(iter(await thread.history()))
        await thread.run("b", input={"name": "b"}, checkpoint_id=end_of_a)
        await thread.run("c")
        of_branch = await thread.history()
        await thread.run("d", input={"name": "d"}, checkpoint_id=end_of_a)
        thread.delete_run("b")
        after = await thread.history()
        assert next(iter(of_branch.values())) in after.values()
        assert all(
            after[checkpoint] == of_branch[checkpoint]
            for checkpoint in after
            if checkpoint in of_branch
        )

    asyncio.run(main())


def test_a_copy_stands_on_its_own(database: Database) -> None:
    async def main() -> None:
        thread = Thread(database)
        for name in "abc":
            await thread.run(name)
        thread.delete_run("b")
        database.saver().copy_thread(THREAD, "copy")
        copy = Thread(database, thread_id="copy")
        assert await copy.history() == await thread.history()
        thread.delete_run("c")
        database.saver().delete_thread(THREAD)
        assert await copy.items() == added_by_all("abc")
        assert await copy.run("d") == added_by_all("abcd")

    asyncio.run(main())


# -- whatever is visible never changes ----------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.just("run"), st.sampled_from(list(Durability))),
    st.tuples(st.just("fork"), st.integers(0, 20)),
    st.tuples(st.just("quiet fork"), st.integers(0, 20)),
    st.tuples(st.just("delete"), st.integers(0, 20)),
    st.tuples(st.just("prune"), st.none()),
)


@given(actions=st.lists(ACTIONS, min_size=3, max_size=8), snapshot_frequency=st.integers(1, 8))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_removal_changes_what_stays(actions: Any, snapshot_frequency: int) -> None:
    async def main(database: Database) -> None:
        thread = Thread(database, snapshot_frequency)
        known: dict[str, list[str]] = {}
        runs: list[str] = []
        for action, argument in actions:
            history = await thread.history()
            if action == "run":
                runs.append(uuid4().hex)
                await check_run(thread, runs[-1], durability=argument)
            elif "fork" in action and history:
                runs.append(uuid4().hex)
                start = list(history)[argument % len(history)]
                input = {"name": runs[-1]} if action == "quiet fork" else None
                await check_run(thread, runs[-1], input=input, checkpoint_id=start)
            elif action == "delete" and runs:
                thread.delete_run(runs.pop(argument % len(runs)))
            elif action == "prune":
                thread.prune()
            for checkpoint_id, items in (await thread.history()).items():
                assert known.setdefault(checkpoint_id, items) == items, (action, argument)

    async def check_run(thread: Thread, name: str, **options: Any) -> None:
        ended_with = await thread.run(name, **options)
        assert ended_with[-2:] == added_by(name)[1:]
        assert await thread.items() == ended_with

    with TemporaryDirectory() as folder, open_database(Path(folder) / "test.db") as database:
        asyncio.run(main(database))
