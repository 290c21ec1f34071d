"""Many who listen to one run."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

from bench.audience import EVENTS, EVERY_SECONDS
from bench.cells import Cell, Scenario
from bench.figures import Figures
from bench.options import Options
from bench.servers import Server

LISTENERS = (1, 50, 200, 1000)
_ROOT = Path(__file__).parents[2]


async def _turn(server: Server, _options: Options, *, listeners: int) -> Figures:
    meter = server.cpu_meter()
    # It inherits the processors of the clients.
    audience = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.audience", server.url, str(listeners)),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, complaint = await audience.communicate()
    except asyncio.CancelledError:
        audience.kill()
        raise
    if audience.returncode:
        raise RuntimeError(complaint.decode(errors="replace").strip().rpartition("\n")[2])
    figures: Figures = json.loads(told)
    used = meter.used()
    return figures | ({"server_cpu_s": used["all"]} if used else {})


SCENARIO = Scenario(
    "fanout",
    "Many who listen to one run",
    f"{EVENTS} events, one every {EVERY_SECONDS * 1000:.0f} ms. Names: how many listen. `got all`:"
    " how many of them got every event; lag: from the graph's emission to an event's last byte at"
    " a listener; emitted in: seconds from the first emission to the last,"
    f" about {EVENTS * EVERY_SECONDS:.1f} if the graph was not slowed.",
    [
        Cell(
            f"{listeners}",
            partial(_turn, listeners=listeners),
            headline="lag_p95_ms",
            few=True,
            limit=120,
        )
        for listeners in LISTENERS
    ],
    figures=[
        "got_all",
        "lag_p50_ms",
        "lag_p95_ms",
        "emitted_in_s",
        "server_cpu_s",
        "client_cpu_share",
    ],
)
