"""What a Trio node raises in its graph: the exception that counts, out of its groups."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand
from on_asyncio import error_of, on_asyncio
from structlog.testing import capture_logs

from lgtrio import trio_node
from lgtrio.graphs.trio_nodes.failures import USE_GRAPH_SIDE, exception_of_node


class Mine(BaseException):
    pass


async def raise_(error: BaseException) -> None:
    raise error


async def raised_beside(*errors: BaseException) -> BaseException:
    """By a node with a nursery, whose tasks raise these at the same moment."""

    @trio_node
    async def node() -> None:
        async with trio.open_nursery() as nursery:
            for error in errors:
                nursery.start_soon(raise_, error)

    return await error_of(node())


@pytest.mark.parametrize(
    "error", [ValueError("no"), StopAsyncIteration(), Mine("no"), asyncio.CancelledError("mine")]
)
@on_asyncio
async def test_an_exception_arrives_as_it_is(error: BaseException) -> None:
    assert await error_of(trio_node(raise_)(error)) is error
    assert await raised_beside(error) is error
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-1] == "raise_"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_exception_that_ends_the_program_ends_the_graphs_and_not_the_trio_loop(
    error: BaseException,
) -> None:
    with pytest.raises(type(error)) as caught:
        asyncio.run(trio_node(raise_)(error))
    assert caught.value is error
    asyncio.run(_still_there())


async def _still_there() -> None:
    async def token() -> Any:
        return trio.lowlevel.current_trio_token()

    assert await trio_node(token)() is await trio_node(token)()


@on_asyncio
async def test_several_of_one_class() -> None:
    errors = [ValueError("one"), ValueError("two"), ValueError("three")]
    raised = await raised_beside(*errors)
    assert raised in errors
    others = {f"Raised in the same Trio node as well: {e!r}" for e in errors if e is not raised}
    assert set(raised.__notes__) == others


@on_asyncio
async def test_several_classes() -> None:
    errors = {ValueError("one"), TypeError("two")}
    raised = await raised_beside(*errors)
    assert isinstance(raised, ExceptionGroup)
    assert set(raised.exceptions) == errors


# -- groups of any shape ---------------------------------------------------------------------
LEAVES = st.sampled_from([ValueError, TypeError, Mine, GraphInterrupt, ParentCommand])
TREES = st.recursive(
    LEAVES.map(lambda kind: kind(())),
    lambda inner: st.lists(inner, min_size=1, max_size=4).map(
        lambda members: BaseExceptionGroup("a nursery", members)
    ),
    max_leaves=8,
)


def leaves_of(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves_of(member)]
    return [error]


@given(TREES)
def test_the_exception_that_counts(error: BaseException) -> None:
    leaves = leaves_of(error)
    with capture_logs() as logs:
        raised = exception_of_node(error)
    bubbles = [leaf for leaf in leaves if isinstance(leaf, GraphBubbleUp)]
    if bubbles:
        assert raised is bubbles[0]
        assert len(logs) == (len(bubbles) < len(leaves))
    elif len({type(leaf) for leaf in leaves}) == 1:
        assert raised is leaves[0]
        assert len(getattr(raised, "__notes__", [])) == len(leaves) - 1
    else:
        assert raised is error


# -- asyncio in the wrong place --------------------------------------------------------------
async def sleeps() -> None:
    await asyncio.sleep(1)


async def yields() -> None:
    await asyncio.sleep(0)


async def awaits_a_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()
    finally:
        loop.close()


async def uses_a_task_group() -> None:
    async with asyncio.TaskGroup():
        pass


async def sleeps_in_a_nursery() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeps)
        nursery.start_soon(sleeps)


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (sleeps, "sleeps"),
        (yields, "yields"),
        (awaits_a_future, "awaits_a_future"),
        (uses_a_task_group, "uses_a_task_group"),
        (sleeps_in_a_nursery, "sleeps"),
    ],
)
@on_asyncio
async def test_asyncio_in_a_trio_node_says_what_to_do(function: Any, place: str) -> None:
    error = await error_of(trio_node(function)())
    assert type(error) is RuntimeError
    assert str(error) == USE_GRAPH_SIDE
    assert "graph_side" in USE_GRAPH_SIDE
    assert isinstance(error.__cause__, (RuntimeError, TypeError))
    assert f"in {place}\n" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("error", [TypeError("unexpected"), RuntimeError("no such thing")])
@on_asyncio
async def test_other_errors_of_these_classes_stay_themselves(error: Exception) -> None:
    assert await error_of(trio_node(raise_)(error)) is error


@on_asyncio
async def test_libraries_that_know_both_use_trio() -> None:
    @trio_node
    async def node() -> int:
        transport = httpx.MockTransport(lambda _: httpx.Response(204))
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get("http://example.test")).status_code

    assert await node() == 204
