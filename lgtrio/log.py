"""One log for everybody: lgtrio's own lines, the libraries' and those of the user's graphs.

All of them pass through the standard `logging` module, so a graph that uses `logging`, a library
that warns and the server itself come out in one format and one order, on stderr. As JSON each
line is one object with `event`, `level`, `timestamp` (UTC) and `logger`, further keys as given,
and `exception` (a traceback as text) where there was one.
"""

from __future__ import annotations

import logging
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import Processor

from lgtrio.config import LogFormat, Settings


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up structlog, `logging` and `warnings` for this process.

    Args:
        stream: where lines go; None means stderr.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_described(settings.log_format),
            processors=_rendered(settings.log_format, colors=handler.stream.isatty()),
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *_described(settings.log_format),
            ProcessorFormatter.wrap_for_formatter,
        ],
        # Drops a line below the level before anything is done for it.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _described(log_format: LogFormat) -> list[Processor]:
    """What is added to each line, whoever wrote it."""
    clock: dict[str, Any] = {"utc": True} if log_format == "json" else {"utc": False}
    clock["fmt"] = "iso" if log_format == "json" else "%H:%M:%S"
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(**clock),
    ]


def _rendered(log_format: LogFormat, *, colors: bool) -> list[Processor]:
    if log_format == "json":
        return [
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(skipkeys=True),
        ]
    console = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    return [ProcessorFormatter.remove_processors_meta, console]
