"""Where the reference server surprises: what it does, and what lgtrio does instead or as well.

Each number has a test named after it (`test_quirk_07_…`), unless it waits for a feature that is not
there yet; the tests look this list up.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen


class Kind(StrEnum):
    SAME = "as the reference"
    """Clients may depend on it."""
    FIXED = "mended"
    """No client can be hurt by the expected behaviour."""
    CHOICE = "our choice"
    """Nobody is known to depend on either."""


@frozen
class Quirk:
    number: int
    area: str
    kind: Kind
    reference: str
    lgtrio: str
    waits_for: str | None = None
    """The feature that has to be there first, if it is not."""


_AUTH: Final = "authentication"
_MCP: Final = "MCP"
_EVENTS: Final = "the event protocol (v2)"
_SAME, _FIXED, _CHOICE = Kind.SAME, Kind.FIXED, Kind.CHOICE

QUIRKS: Final = [
    Quirk(
        1,
        "paging",
        _CHOICE,
        "`X-Pagination-Total` is the number up to the end of the page, one more if there are more",
        "how many match in all, exact up to 10,000",
    ),
    Quirk(2, "assistants", _SAME, "`PATCH` with `{}` makes a version", "the same"),
    Quirk(
        3,
        "assistants",
        _FIXED,
        "`latest` keeps the graph and context of now",
        "a version comes back with all it had",
    ),
    Quirk(
        4,
        "assistants",
        _FIXED,
        "schemas of input and output may be null",
        "they are schemas (the tools of MCP wait for MCP)",
    ),
    Quirk(
        5,
        "assistants",
        _SAME,
        "the name of a graph is taken by `/assistants/{id}/graph` and 422 elsewhere",
        "the same",
    ),
    Quirk(
        6,
        "threads",
        _FIXED,
        "supersteps that fail are answered 201, with a thread",
        "4xx, and no thread",
    ),
    Quirk(
        7,
        "threads",
        _FIXED,
        "a search by values is 500 when a thread has none; `count` ignores `ids`",
        "such threads do not match; `ids` count",
    ),
    Quirk(
        8,
        "threads",
        _FIXED,
        "a copy of an unknown thread is 409; a copy has no values and is idle",
        "404; values and status are copied",
    ),
    Quirk(9, "threads", _SAME, "a history without `limit` has one state", "the same"),
    Quirk(
        10,
        "threads",
        _FIXED,
        "`before` is 422 or 500 unless it is a `configurable`",
        "an id, a checkpoint or a `configurable`",
    ),
    Quirk(11, "threads", _CHOICE, "an unknown checkpoint is an empty state", "404"),
    Quirk(
        12,
        "threads",
        _FIXED,
        "an update of a busy thread is 409, with internal objects in its text",
        "409, with a sentence",
    ),
    Quirk(
        13,
        "threads",
        _FIXED,
        "the time to live is neither shown nor enforced",
        "threads expire, and `include=ttl` shows when",
    ),
    Quirk(14, "runs", _SAME, "a run that stops at an interrupt has succeeded", "the same"),
    Quirk(
        15,
        "runs",
        _CHOICE,
        "a join after an interrupt answers only `__interrupt__`",
        "with the values, as a wait",
    ),
    Quirk(16, "runs", _CHOICE, "a join of an unknown run is 200 with an error inside", "404"),
    Quirk(
        17,
        "runs",
        _FIXED,
        "an empty command, or a resume with null, fails the run",
        "422 for the one; the other passes null",
    ),
    Quirk(
        18,
        "runs",
        _FIXED,
        "the `Location` of a stateless stream is 404",
        "it is the stream under its thread",
    ),
    Quirk(
        19,
        "runs",
        _SAME,
        "texts of exceptions are masked but for some classes",
        "the same classes, the same two keys",
    ),
    Quirk(20, "runs", _FIXED, "`feedback_keys` fail the run", "ignored with a warning in the log"),
    Quirk(21, "runs", _FIXED, "webhooks of stateless runs have no values", "the final ones"),
    Quirk(
        22,
        "runs",
        _FIXED,
        "a running run that is deleted goes on, and its thread stays busy",
        "it is stopped, nothing of it stays",
    ),
    Quirk(
        23,
        "cancelling",
        _CHOICE,
        "a pending run may stay, interrupted, when it is rolled back",
        "it is deleted",
    ),
    Quirk(
        24,
        "cancelling",
        _FIXED,
        "a thread is idle while another of its runs works",
        "busy as long as one waits or works",
    ),
    Quirk(
        25,
        "cancelling",
        _FIXED,
        "a thread stays busy after a bulk rollback",
        "as it was before (runs of the event protocol wait for it)",
    ),
    Quirk(26, "streams", _SAME, "no `end` event: the stream just ends", "the same"),
    Quirk(
        27,
        "streams",
        _FIXED,
        "of a list of modes the last one counts, and `metadata` and `error` are lost",
        "all count, and both always come",
    ),
    Quirk(
        28,
        "streams",
        _FIXED,
        "the stream of a thread reads `stream_modes`, the clients send `stream_mode`",
        "both spellings, all values",
    ),
    Quirk(29, "streams", _CHOICE, "the stream of an unknown thread is silent", "404"),
    Quirk(30, "store", _CHOICE, "refusals are plain text, or have an `error`", "JSON, a `detail`"),
    Quirk(
        31,
        "store",
        _FIXED,
        "a search without prefix and comparisons with a missing field are 500; odd limits",
        "everything; no match; 422",
    ),
    Quirk(
        32,
        "store",
        _FIXED,
        "empty namespaces are listed, overwriting resets `created_at`, items do not expire",
        "they are not, it stays, they do",
    ),
    Quirk(
        33,
        "crons",
        _FIXED,
        "missing fields are 500; an end is not checked and holds up other crons",
        "422; it fires until its end",
    ),
    Quirk(
        34,
        "crons",
        _CHOICE,
        "an update merges the metadata and replaces that of the payload",
        "both are merged",
    ),
    Quirk(
        35,
        "authentication",
        _FIXED,
        "an exception of the handler is 400 with its text; one with a status of its own 500",
        "401 or 500; as raised",
        _AUTH,
    ),
    Quirk(36, "MCP", _FIXED, "the text of a result is a Python repr", "JSON", _MCP),
    Quirk(37, "MCP", _FIXED, "`/mcp/` redirects", "both are served", _MCP),
    Quirk(38, "event protocol", _FIXED, "channels and commands are missing", "served", _EVENTS),
    Quirk(
        39,
        "event protocol",
        _FIXED,
        "`run.start` is held up on a busy thread; one spelling",
        "at once; both",
        _EVENTS,
    ),
    Quirk(40, "event protocol", _FIXED, "`since` and `depth` are ignored", "honoured", _EVENTS),
    Quirk(
        41, "event protocol", _CHOICE, "a bad thread is accepted, then closed", "refused", _EVENTS
    ),
    Quirk(
        42,
        "development server",
        _FIXED,
        "one run at a time, picked up after half a second to a second",
        "runs of different threads at once, without delay",
    ),
]
