"""The server's task tree, built in one place and nested by lifetime:

storage            opened first (and locked: one server a file), closed last
└─ graph side      loops started, graphs loaded and checked before HTTP listens
   └─ supervisor   one nursery for all runs
      └─ HTTP      innermost; a request never owns a run
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from lgtrio.api.app import create_app
from lgtrio.api.metrics import ConnectionMetrics, Metrics
from lgtrio.api.services import Services
from lgtrio.api.serving import open_http
from lgtrio.config import Settings
from lgtrio.errors import SettingsError
from lgtrio.graphs.metrics import GraphMetrics
from lgtrio.graphs.side import GraphSide, open_graph_side
from lgtrio.langgraph_json import LanggraphConfig, read_langgraph_json
from lgtrio.listen import bind_socket, url_of
from lgtrio.runs.metrics import RunMetrics, TrioMetrics
from lgtrio.runs.supervisor import RunOptions, Supervisor, open_supervisor
from lgtrio.runs.sweeps import sweep_items, sweep_kept_streams, sweep_threads
from lgtrio.runs.webhooks import WebhookQueue
from lgtrio.storage.interface import Storage
from lgtrio.storage.sqlite import open_sqlite
from lgtrio.storage.sqlite.connections import MEMORY
from lgtrio.storage.sqlite.engine import Engine
from lgtrio.storage.sqlite.faults import faults_from_environment
from lgtrio.storage.sqlite.metrics import StorageMetrics
from lgtrio.storage.sqlite.vectors import enable_vectors
from lgtrio.webhooks.sender import WebhookSender
from lgtrio.welcome import welcome
from lgtrio.wire.assistants import default_assistant
from lgtrio.wire.times import now_iso

log = structlog.get_logger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_GARBAGE: Final = (2_000, 5, 100)
"""When Python looks for garbage in cycles, of which a run leaves next to none. With its own numbers
a third of the time of a thousand runs that start went into that, and everything stood still for a
quarter of a second at a time."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        LgtrioError: the server could not start (also inside exception groups).
    """
    trio.run(_main, settings)


async def _main(settings: Settings) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, stop)
        await serve(settings, stop)
        nursery.cancel_scope.cancel(reason="the server has ended")


async def _watch_signals(
    stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """The first signal asks the server to end, the second ends the process on the spot.

    Nothing is lost by the latter: the next start recovers as after any crash.
    """
    with trio.open_signal_receiver(*_SIGNALS) as received:
        task_status.started()
        async for number in received:
            log.info("shutting down", signal=signal.Signals(number).name)
            break
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        stop.set()
        await trio.sleep_forever()


async def serve(
    settings: Settings,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stop` is set, then shut down in good order.

    Args:
        task_status: started with the URL once the server listens.

    Raises:
        LgtrioError: the server could not start; nothing is left behind.
    """
    config = read_langgraph_json(settings.config)
    _make_folder(settings.database)
    if config.store.index is not None:
        enable_vectors()
    async with (
        open_sqlite(
            settings.database,
            synchronous=settings.synchronous,
            faults=faults_from_environment(),
            max_frames_per_run=settings.max_frames_per_run,
            journal_lines=settings.journal_lines,
            default_ttl=config.threads.default,
        ) as storage,
        open_graph_side(config, storage.engine, settings) as graphs,
    ):
        headers = config.webhooks.resolved_headers(os.environ)
        await _ensure_assistants(storage, config)
        _keep_what_is_loaded()
        with bind_socket(settings) as sock:
            async with open_supervisor(
                storage, graphs.executor, _run_options(settings)
            ) as supervisor:
                _start_sweeps(config, storage, graphs, supervisor)
                services = Services(
                    storage,
                    supervisor,
                    graphs.states,
                    graphs.descriptions,
                    list(config.graphs),
                    settings.heartbeat,
                    items=graphs.items,
                    webhooks=config.webhooks.url,
                    cors=config.cors,
                )
                supervisor.nursery.start_soon(services.crons.watch)
                sender = WebhookSender(config.webhooks.url, headers, url_of(sock))
                supervisor.nursery.start_soon(WebhookQueue(storage, sender).deliver)
                metrics = _metrics(storage.engine, graphs, supervisor)
                async with open_http(create_app(services, metrics), sock) as http:
                    metrics.add(ConnectionMetrics(http))
                    storage.announce(port=sock.getsockname()[1])
                    _say_hello(settings, url_of(sock), services.graphs)
                    task_status.started(url_of(sock))
                    await stop.wait()
                    # Nothing runs between the two: a connection that closes from here on is
                    # shutdown, never a client's disconnect.
                    await http.refuse_new()
                    await supervisor.shut_down()
                    services.journal.break_off()


async def _ensure_assistants(storage: Storage, config: LanggraphConfig) -> None:
    """Every graph has an assistant that nobody needs to make."""
    now = now_iso()
    for name, spec in config.graphs.items():
        await storage.ensure_assistant(default_assistant(name, spec.description, now))


def _keep_what_is_loaded() -> None:
    """Modules and graphs stay to the end: the garbage collector need not look at them again."""
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    gc.enable()


def _metrics(engine: Engine, graphs: GraphSide, supervisor: Supervisor) -> Metrics:
    metrics, stored, loop = Metrics(), StorageMetrics(engine), TrioMetrics()
    supervisor.nursery.start_soon(loop.watch)
    metrics.add(stored, refresh=stored.refresh)
    metrics.add(RunMetrics(supervisor), GraphMetrics(graphs), loop)
    return metrics


def _start_sweeps(
    config: LanggraphConfig, storage: Storage, graphs: GraphSide, supervisor: Supervisor
) -> None:
    told = supervisor.threads.thread_deleted
    threads = partial(sweep_threads, storage, config.threads.sweep_minutes * 60, on_deleted=told)
    items = partial(sweep_items, graphs.items, config.store.ttl.sweep_minutes * 60)
    supervisor.nursery.start_soon(threads)
    supervisor.nursery.start_soon(items)
    supervisor.nursery.start_soon(sweep_kept_streams, storage)


def _run_options(settings: Settings) -> RunOptions:
    return RunOptions(
        n_jobs=settings.n_jobs_per_worker,
        max_runs_per_graph=settings.max_runs_per_graph,
        max_runs_per_assistant=settings.max_runs_per_assistant,
        run_timeout=settings.run_timeout,
        max_attempts=settings.max_attempts,
        shutdown_grace=settings.shutdown_grace,
    )


def _make_folder(database: str) -> None:
    """The folder of a new database ignores itself: data does not belong into a repository.

    Raises:
        SettingsError: it cannot be made.
    """
    folder = Path(database).parent
    if database == MEMORY or folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        raise SettingsError(f"--database is {database!r}: {error.strerror or error}.") from error


def _say_hello(settings: Settings, url: str, graphs: Sequence[str]) -> None:
    log.info("listening", url=url, graphs=list(graphs), database=settings.database)
    if settings.development:
        print(welcome(url, graphs), flush=True)
