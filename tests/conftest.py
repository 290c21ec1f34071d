"""The suite's own rules, and the one server that most end-to-end tests share.

`--base-url` runs the end-to-end tests against a server that is already there (the reference
server, to check that what a test expects is what clients are used to). Tests that assert one of
our deliberate differences are marked `deviates(why)` and skipped then, like those that need
a process of their own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

pytest.register_assert_rewrite("support")

from support.sdk import open_sdk  # noqa: E402 - its asserts are to be explained too
from support.server import Log, Server, start  # noqa: E402
from support.turns import Turns  # noqa: E402

# Nothing is judged by the time that it takes on a machine that others use too.
settings.register_profile("lgtrio", deadline=None)
settings.load_profile("lgtrio")

TURNS = pytest.StashKey[Turns]()
LONG = ("long", "storm", "fuzz")
TURNS_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lgtrio")
    group.addoption("--base-url", help="run the end-to-end tests against this server")
    group.addoption("--storm-kills", type=int, default=20, help="kills of the SIGKILL storm")
    group.addoption("--storm-seconds", type=float, default=500, help="its upper bound")
    group.addoption("--storm-seed", type=int, default=20261122, help="the same kills again")
    group.addoption(
        "--lifecycle-examples", type=int, default=300, help="random lives beside the model"
    )
    group.addoption("--cut-clients", type=int, default=10, help="clients whose streams are cut")
    group.addoption("--cuts", type=int, default=2, help="how often each of them is, at most")
    group.addoption("--fuzz-seconds", type=int, default=60, help="how long requests are made up")
    group.addoption("--fuzz-seed", type=int, default=20261127, help="the same requests again")
    group.addoption("--cut-seed", type=int, default=20261123, help="the same cuts again")


def pytest_configure(config: pytest.Config) -> None:
    # Where `rich` is installed, structlog's own default renders each traceback with it: seconds.
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    config.addinivalue_line("markers", "deviates(why): asserts a deliberate difference")
    config.addinivalue_line("markers", "alone: measures time, so no other test runs beside it")
    config.addinivalue_line("markers", "long: takes a minute, so it begins before the others")
    config.addinivalue_line("markers", "storm: takes as long as --storm-seconds says")
    config.addinivalue_line("markers", "fuzz: takes as long as --fuzz-seconds says")
    config.addinivalue_line("markers", "complains(*patterns): log errors that the test provokes")
    if folder := getattr(config, "workerinput", {}).get("turns"):
        config.stash[TURNS] = Turns(Path(folder))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker (`make test` has several) where it agrees with the others."""
    config = node.config
    if TURNS_FOLDER not in config.stash:
        folder = config.stash[TURNS_FOLDER] = tempfile.TemporaryDirectory(prefix="lgtrio-tests-")
        config.add_cleanup(folder.cleanup)
    node.workerinput["turns"] = config.stash[TURNS_FOLDER].name


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Outside of the time that a test may take: waiting for a turn is not its fault."""
    if TURNS not in item.config.stash:
        return (yield)
    alone = item.get_closest_marker("alone") is not None
    with item.config.stash[TURNS].taken(alone=alone):
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if TURNS in config.stash:
        # The last file to begin should be a short one: the other workers have nothing to do then.
        items.sort(key=lambda item: not any(item.get_closest_marker(each) for each in LONG))
    for item in items:
        if item.get_closest_marker("storm"):
            item.add_marker(pytest.mark.timeout(config.getoption("--storm-seconds") + 120))
        if item.get_closest_marker("fuzz"):
            item.add_marker(pytest.mark.timeout(2 * config.getoption("--fuzz-seconds") + 120))
        mark = item.get_closest_marker("deviates")
        if mark is not None and config.getoption("--base-url"):
            item.add_marker(pytest.mark.skip(reason=f"deliberate difference: {mark.args[0]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report, f"{item.nodeid}: {call.excinfo}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report, collector.nodeid)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
    """With CI=true a skipped test is a failed one: what is not run must not look green."""
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {what}"


class SharedServer:
    """One server for all tests; a new one when a test has brought the last one down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._starts = 0
        self._server: Server | None = None

    def get(self) -> Server:
        if self._server is None or not self._server.alive:
            self._starts += 1
            self._server = start(self._folder / f"shared-{self._starts}.db")
        return self._server

    def stop(self) -> int:
        return self._server.stop() if self._server is not None else 0


@pytest.fixture(scope="session")
def _shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    shared = SharedServer(tmp_path_factory.mktemp("shared"))
    yield shared
    assert shared.stop() == 0


@pytest.fixture
def server(request: pytest.FixtureRequest, _shared_server: SharedServer) -> Iterator[Server]:
    """The shared server; its log is checked after each test and shown with each failure."""
    if url := request.config.getoption("--base-url"):
        yield Server(url=url.rstrip("/"), log=Log())
        return
    server = _shared_server.get()
    start_line = len(server.log.lines)
    yield server
    request.node.add_report_section("call", "server log", "\n".join(server.log.lines[start_line:]))
    assert server.alive, f"the server ended: {server.log.tail()}"
    mark = request.node.get_closest_marker("complains")
    complaints = server.log.complaints(start_line, expected=mark.args if mark else ())
    assert not complaints, "The server complained:\n" + "\n".join(complaints)


@pytest.fixture(params=["async", "sync"])
def sdk(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    """The official client against the shared server, each of its two kinds in turn."""
    with open_sdk(request.param, server.url) as client:
        yield client


@pytest.fixture
def own_process(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder for a server of the test's own; not to be had with `--base-url`."""
    if request.config.getoption("--base-url"):
        pytest.skip("needs a server process of its own")
    return tmp_path
