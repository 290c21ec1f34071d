"""`POST /runs/wait` of short graphs, beside the same graphs called in process."""

from __future__ import annotations

from functools import partial

from bench.cells import Cell, Scenario, Setting
from bench.figures import Figures
from bench.floor import floors
from bench.load import drive, waiting
from bench.options import Options
from bench.servers import Server

GRAPHS = {"1-step": "one_step", "10-step": "ten_steps"}
CLIENTS = (1, 8, 64)
STORED = 10_000


async def _turn(
    server: Server, options: Options, *, graph: str, clients: int, thread: bool
) -> Figures:
    request = waiting(graph, thread=thread)
    load = await drive(server, request, clients=clients, seconds=options.seconds)
    return load.summary()


def _cell(label: str, clients: int, *, thread: bool = False, stored: int = 0) -> Cell:
    kind = "thread" if thread else "stateless"
    suffix = f"-{stored // 1000}k-stored" if stored else ""
    graph = GRAPHS[label]
    # In process, more clients than eight change nothing: it is one loop on one processor.
    beside = floors(graph, clients) if clients <= 8 and not thread else {}
    return Cell(
        f"{kind}-{label}-{clients}{suffix}",
        partial(_turn, graph=graph, clients=clients, thread=thread),
        alone=beside,
        setting=Setting(stored=stored),
        profiled=clients == 8 and not thread,
    )


SCENARIO = Scenario(
    "wait",
    "Short runs that are waited for",
    "Names: stateless runs or a new thread and a run on it, the graph, how many clients at a time,"
    " and how many threads are stored already. In process there is neither HTTP nor a record of"
    " the run.",
    [
        *[_cell(label, clients) for label in GRAPHS for clients in CLIENTS],
        *[_cell(label, clients, thread=True) for label in GRAPHS for clients in CLIENTS],
        _cell("1-step", 64, stored=STORED),
        _cell("1-step", 64, thread=True, stored=STORED),
    ],
    figures=["per_second", "p50_ms", "p95_ms", "cpu_ms_each", "client_cpu_share"],
)
