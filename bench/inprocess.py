"""The floor: the same graph called in process, in an interpreter of its own.

Run as a script by `floor`; prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from bench.graphs import BUILDERS, CHUNKS
from bench.measure import pin, quantile


def floor(what: str, graph: str, clients: int, seconds: float, cpus: set[int] | None) -> Any:
    """Measure one round in a fresh interpreter.

    Args:
        what: `invoke` (`ainvoke` with the in-memory saver) or `stream` (`astream` of custom).
    """
    command = [sys.executable, "-m", "bench.inprocess", what, graph, str(clients), str(seconds)]
    command += [str(cpu) for cpu in cpus or ()]
    root = Path(__file__).parents[1]
    return json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)


async def _invoke(graph: Any, latencies: list[float], until: float) -> None:
    while (started := time.perf_counter()) < until:
        await graph.ainvoke({"n": 0}, {"configurable": {"thread_id": str(uuid.uuid4())}})
        latencies.append(time.perf_counter() - started)


async def _stream(graph: Any, latencies: list[float], until: float) -> None:
    while (started := time.perf_counter()) < until:
        config = {"configurable": {"thread_id": str(uuid.uuid4())}}
        async for _ in graph.astream({"n": 0}, config, stream_mode="custom"):
            pass
        latencies.append(time.perf_counter() - started)


async def _round(what: str, graph_id: str, clients: int, seconds: float) -> dict[str, float]:
    graph = BUILDERS[graph_id].compile(checkpointer=InMemorySaver())
    call = {"invoke": _invoke, "stream": _stream}[what]
    await call(graph, [], time.perf_counter() + 0.3)  # warm up
    latencies: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(
        *(call(graph, latencies, started + seconds) for _ in range(clients)),
    )
    elapsed = time.perf_counter() - started
    done = len(latencies)
    return {
        "per_second": done / elapsed,
        "events_per_second": done * CHUNKS / elapsed if what == "stream" else 0.0,
        "p50_ms": quantile(latencies, 0.5) * 1000,
        "cpu_ms_each": (time.process_time() - cpu) / done * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["invoke", "stream"])
    parser.add_argument("graph")
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("cpus", type=int, nargs="*")
    args = parser.parse_args()
    pin(set(args.cpus))
    print(json.dumps(asyncio.run(_round(args.what, args.graph, args.clients, args.seconds))))


if __name__ == "__main__":
    main()
