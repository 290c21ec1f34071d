"""One log for structlog, `logging` and `warnings`, for people or as JSON."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from lgtrio.config import Settings
from lgtrio.log import configure_logging


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    root.handlers.clear()  # pytest's stay untouched: `force` would close them
    yield
    logging.captureWarnings(False)
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def json_lines_of(write: Callable[[], Any], **settings: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json", **settings), stream)
    write()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def readable_of(write: Callable[[], Any]) -> str:
    stream = io.StringIO()
    configure_logging(Settings(log_format="readable"), stream)
    write()
    return stream.getvalue()


def fail(log: Any) -> None:
    try:
        [].index("broken")
    except ValueError:
        log.exception("it failed")


def test_a_line_is_one_object() -> None:
    log = structlog.get_logger("lgtrio.test")
    [line] = json_lines_of(lambda: log.info("run ended", run_id="1", seconds=0.5))
    at = datetime.fromisoformat(line.pop("timestamp"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert line == {
        "event": "run ended",
        "level": "info",
        "logger": "lgtrio.test",
        "run_id": "1",
        "seconds": 0.5,
    }


def test_other_peoples_lines_have_the_same_shape() -> None:
    theirs = logging.getLogger("agent")
    [line] = json_lines_of(lambda: theirs.warning("sent %d", 3, extra={"to": "ada"}))
    assert line.keys() == {"event", "level", "logger", "timestamp", "to"}
    assert (line["event"], line["level"], line["logger"]) == ("sent 3", "warning", "agent")


def test_a_warning_is_a_line() -> None:
    def warn() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    [line] = json_lines_of(warn)
    assert line["level"] == "warning"
    assert "DeprecationWarning: old" in line["event"]


@pytest.mark.parametrize("log", [structlog.get_logger("a"), logging.getLogger("a")])
def test_a_traceback_stays_inside_its_line(log: Any) -> None:
    [line] = json_lines_of(lambda: fail(log))
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: 'broken' is not in list")


def test_whatever_is_logged_can_be_written() -> None:
    log = structlog.get_logger("a")
    [line] = json_lines_of(lambda: log.info("odd", value=object(), text="\ud800", key={(1, 2): 3}))
    assert line["text"] == "\ud800"
    assert line["value"].startswith("<object")


@pytest.mark.parametrize("log", [structlog.get_logger("a"), logging.getLogger("a")])
def test_lines_below_the_level_are_dropped(log: Any) -> None:
    def write() -> None:
        log.info("unimportant")
        log.error("important")

    assert [line["event"] for line in json_lines_of(write, log_level="error")] == ["important"]


def test_bound_context_is_on_each_line() -> None:
    log = structlog.get_logger("a")
    with structlog.contextvars.bound_contextvars(request_id="r"):
        [line] = json_lines_of(lambda: log.info("asked"))
    assert line["request_id"] == "r"


def test_readable_lines_have_no_colors_in_a_file_and_end_in_the_traceback() -> None:
    text = readable_of(lambda: fail(structlog.get_logger("a")))
    assert "\x1b" not in text
    first, *rest = text.splitlines()
    assert "[error" in first
    assert "it failed" in first
    assert rest[-1] == "ValueError: 'broken' is not in list"


def test_the_announcement_is_read_by_whoever_starts_a_server() -> None:
    log = structlog.get_logger("a")
    text = readable_of(lambda: log.info("listening", url="http://127.0.0.1:2024"))
    assert "listening" in text
    assert text.rstrip().endswith("url=http://127.0.0.1:2024")
