"""The floor's own interpreter: answers orders, a JSON line each, until its input ends."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bench.figures import Figures, quantile
from bench.floor import Order
from bench.graphs import BUILDERS, CHUNKS


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(asyncio.run(_turn(Order(**json.loads(line))))), flush=True)


async def _turn(order: Order) -> Figures:
    async with _saver(order.saver) as saver:
        graph = BUILDERS[order.graph].compile(checkpointer=saver)
        call = _stream if order.stream else _invoke
        await call(graph, order, [], time.perf_counter() + 0.2)  # warm up
        latencies: list[float] = []
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(call(graph, order, latencies, started + order.seconds) for _ in range(order.clients))
        )
        elapsed, used = time.perf_counter() - started, time.process_time() - cpu
    figures = {
        "per_second": len(latencies) / elapsed,
        "p50_ms": quantile(latencies, 0.5) * 1000,
        "p95_ms": quantile(latencies, 0.95) * 1000,
        "cpu_ms_each": used / len(latencies) * 1000,
    }
    return figures | ({"events_per_second": figures["per_second"] * CHUNKS} if order.stream else {})


@asynccontextmanager
async def _saver(name: str) -> AsyncIterator[Any]:
    """A new one for each turn, with its default settings."""
    if name != "sqlite":
        yield InMemorySaver() if name == "memory" else None
        return
    with tempfile.TemporaryDirectory(prefix="lgtrio-bench-") as folder:
        async with AsyncSqliteSaver.from_conn_string(f"{folder}/floor.db") as saver:
            await saver.setup()
            yield saver


def _input(order: Order) -> dict[str, Any]:
    return {"n": 0, "text": "x" * order.text} if order.text else {"n": 0}


async def _invoke(graph: Any, order: Order, latencies: list[float], until: float) -> None:
    while (started := time.perf_counter()) < until:
        config = {"configurable": {"thread_id": str(uuid.uuid4())}}
        await graph.ainvoke(_input(order), config)
        latencies.append(time.perf_counter() - started)


async def _stream(graph: Any, order: Order, latencies: list[float], until: float) -> None:
    while (started := time.perf_counter()) < until:
        config = {"configurable": {"thread_id": str(uuid.uuid4())}}
        async for _ in graph.astream(_input(order), config, stream_mode="custom"):
            pass
        latencies.append(time.perf_counter() - started)


if __name__ == "__main__":
    main()
