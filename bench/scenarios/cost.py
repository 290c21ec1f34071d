"""What a run costs the server as there are more of them, and as its state grows."""

from __future__ import annotations

from functools import partial

from bench.cells import Cell, Scenario
from bench.figures import Figures
from bench.floor import floors
from bench.load import drive, waiting
from bench.options import Options
from bench.servers import Server

CLIENTS = (2, 4, 16, 32)
SIZES = {"1-KB": 1_000, "100-KB": 100_000, "1-MB": 1_000_000}
_SIZE_CLIENTS = 8


async def _turn(
    server: Server, options: Options, *, graph: str, clients: int, text: int
) -> Figures:
    state = {"n": 0, "text": "x" * text} if text else {"n": 0}
    request = waiting(graph, state)
    load = await drive(server, request, clients=clients, seconds=options.seconds)
    return load.summary()


SCENARIO = Scenario(
    "cost",
    "Cost of a run",
    "1-step runs; `clients-…`: how many at a time (1, 8 and 64 are above); `state-…`: eight at a"
    " time, with a value of that size that comes in, is in every checkpoint and goes out.",
    [
        *[
            Cell(f"clients-{clients}", partial(_turn, graph="one_step", clients=clients, text=0))
            for clients in CLIENTS
        ],
        *[
            Cell(
                f"state-{name}",
                partial(_turn, graph="kept", clients=_SIZE_CLIENTS, text=size),
                alone=floors("kept", _SIZE_CLIENTS, text=size),
            )
            for name, size in SIZES.items()
        ],
    ],
    figures=["per_second", "p50_ms", "cpu_ms_each", "client_cpu_share"],
)
