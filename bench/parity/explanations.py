"""Every difference that is meant to be, and why.

Patterns are matched against `family: scenario / step: path`; the first one that fits explains. Keep
them narrow: what a pattern covers is compared no more.
"""

from __future__ import annotations

from typing import Any, Final

from bench.parity.compare import Explained


def _said(reason: str, *where: str, **more: Any) -> Explained:
    return Explained(where, reason, **more)


_WORDS: Final = [
    _said(
        "The same refusal in other words: clients show the sentence, and ours says what to change",
        "*: body.detail",
        reference='"*Failed validating*',
    ),
    _said(
        "The same refusal in other words",
        "assistants: graph / xray=*: body.detail",
        "threads: get, patch, delete / unknown*: body.detail",
        "threads: search and count / bad ids: body.detail",
        "states: update where nothing is / no graph: body.detail",
        "runs: create errors / bad thread*: body.detail",
        "runs: create errors / relative webhook: body.detail",
        "runs: list, get, delete / bad limit: body.detail",
        "runs: list, get, delete / bad select: body.detail",
        "thread streams: refusals / bad event id: body.detail",
    ),
    _said(
        "The sentence names what is missing: the run",
        "*: body.detail",
        reference='"Not Found"',
        lgtrio='"Run not found"',
    ),
    _said(
        "The text does not show the server's own objects",
        "states: update where nothing is / busy: body.detail",
        quirk=12,
    ),
]

_SERVER: Final = [
    _said(
        "Facts about the server itself",
        "system: pages / /info: body.version",
        "system: pages / /info: body.flags.*",
        "*.langgraph_plan",
        "*.langgraph_api_url",
    ),
    _said(
        "More headers can be read by browsers",
        "system: other origins / *: headers.access-control-expose-headers",
    ),
    _said(
        "A preflight names the methods that there are, and depends on the origin alone",
        "system: other origins / a preflight: headers.access-control-allow-methods",
        "system: other origins / a preflight: headers.vary",
    ),
    _said(
        "Only a browser's preflight is asked about private networks",
        "system: other origins / OPTIONS without an origin:"
        " headers.access-control-allow-private-network",
    ),
    _said(
        "The path exists, the method does not",
        "requests: paths and methods / DELETE /ok: status",
    ),
    _said(
        "A slash too many is sent to the right path, whatever the path; relative to the server,"
        " which may be known under another name",
        "requests: paths and methods / a slash too many*",
    ),
]

_ROWS: Final = [
    _said(
        "A run shows what it was accepted with; the reference server writes into it what it adds"
        " when it executes, and takes out what the context schema does not know",
        "*kwargs.config.configurable.__pregel_node_finished",
        "*kwargs.config.metadata.run_attempt",
        "*kwargs.config.metadata.langgraph_*",
        "merging: context / *: run: body.0.kwargs.config.configurable.*",
    ),
    _said(
        "More keys: what else a run was created with, and why it was cancelled",
        "*kwargs.context_given",
        "*kwargs.strict_resume",
        "*kwargs.langsmith_tracer",
        "*: body*.cancel_reason",
        reference="(absent)",
    ),
    _said(
        "The run's own graph, also on a thread that another graph has used or that is made for it",
        "*: body*metadata.graph_id",
        lgtrio='"*"',
    ),
    _said(
        "A thread always has these keys; on the reference server they appear with the first run",
        "*: body*.error",
        "*: body*.interrupts",
        reference="(absent)",
        lgtrio="null",
    ),
    _said(
        "A thread always has these keys; on the reference server they appear with the first run",
        "*: body*.interrupts",
        reference="(absent)",
        lgtrio="{}",
    ),
    _said(
        "A run marks its thread when it starts, not while it waits: one that is undone before"
        " leaves nothing",
        "runs: create / thread is busy: body.metadata.*",
        "runs: create / thread is busy: body.config.*",
        "cancels: of a pending run / *: thread: body.metadata.*",
        "cancels: of a pending run / *: thread: body.config.*",
    ),
    _said(
        "The metadata of a checkpoint is what LangGraph's own savers keep: no place in the graph"
        " or in the history, which the state names elsewhere",
        "*metadata.checkpoint_id",
        "*metadata.checkpoint_map",
        "*metadata.checkpoint_ns",
        "*metadata.langgraph_step",
        "*metadata.langgraph_node",
        "*metadata.langgraph_triggers",
        "*metadata.langgraph_path",
        "*metadata.langgraph_checkpoint_ns",
        lgtrio="(absent)",
    ),
    _said(
        "The metadata of every checkpoint has its thread",
        "states: update / history: body.*.metadata.thread_id",
    ),
    _said(
        "A checkpoint always has its namespace",
        "states: get / at a checkpoint: body.checkpoint.checkpoint_ns",
    ),
    _said(
        "Bytes as this database stores them, small values inside their checkpoints",
        "threads: storage / after a run: body.*",
    ),
    _said(
        "Another number: of the creates before this, the reference server has refused fewer",
        "crons: *: body.detail",
        reference="\"Cron '<cron *' not found\"",
    ),
]

_REFUSED: Final = [
    _said(
        "A known field with a value that means nothing is refused, not ignored",
        "runs: create errors / bad on_*: status",
        "crons: refusals / bad strategy: status",
        "cancels: refusals / bad action: status",
        "cancels: refusals / bad wait: status",
        "assistants: versions / no version: status",
        "assistants: versions / unknown graph: status",
        lgtrio='"422: *"',
    ),
    _said(
        "So those runs were not made",
        "runs: create errors / nothing was made: body",
    ),
    _said(
        "null for an optional field is the same as no field",
        "threads: create / metadata null: status",
        "store: refusals / *null: status",
        lgtrio='"200"',
    ),
    _said(
        "An id that is no UUID is 422 everywhere",
        "threads: copy / bad id: status",
        "*: status",
        reference='"400: badly formed hexadecimal UUID string"',
        lgtrio='"422: *"',
    ),
]

_ASSISTANTS: Final = [
    _said(
        "A version has all it had: graph and context too",
        "assistants: versions / back to the first: body.*",
        "assistants: versions / then: body.*",
        "assistants: versions / the next number: body.*",
        quirk=3,
    ),
    _said(
        "Schemas are named after their graph, and say nothing of defaults that there are not",
        "assistants: schemas and subgraphs / *put_schema*",
        "assistants: schemas and subgraphs / *_schema.title",
        "assistants: schemas and subgraphs / *_schema.properties.*.default",
        quirk=4,
    ),
    _said(
        "A subgraph deep inside can be asked for by its namespace",
        "assistants: schemas and subgraphs / one deep subgraph: body.*",
    ),
]

_THREADS: Final = [
    _said(
        "Supersteps that cannot be applied make no thread",
        "threads: create with a history / *: status",
        quirk=6,
    ),
    _said(
        "An input that another node's step follows counts as taken",
        "threads: create with a history / *",
    ),
    _said(
        "Threads without values do not match, and do not break the search",
        "threads: search and count / *values: status",
        reference='"500: Internal Server Error"',
        quirk=7,
    ),
    _said("`ids` count, too", "threads: search and count / count of ids: body", quirk=7),
    _said("Not copied: no such thread", "threads: copy / unknown: status", quirk=8),
    _said(
        "A copy has values, status, config and interrupts of its source",
        "threads: copy / made: body.*",
        "threads: copy / got: body.*",
        quirk=8,
    ),
    _said("Served", "threads: prune / keep_latest: status", lgtrio='"200"'),
    _said(
        "`include=ttl` shows it",
        "threads: get, patch, delete / with its time to live: body.ttl",
        quirk=13,
    ),
    _said(
        "There is no such checkpoint", "states: get / at an unknown checkpoint: status", quirk=11
    ),
    _said("`before` in all its shapes", "states: history / before *: status", quirk=10),
]

_RUNS: Final = [
    _said(
        "There is no such run or thread",
        "runs: wait and join / *: status",
        "streams: joining / unknown *: status",
        "cancels: listeners / rollback: join: status",
        lgtrio='"404: *"',
        quirk=16,
    ),
    _said(
        "The values are those of the thread, with the channels that other graphs have left there"
        " and the work of tasks that have ended beside one that waits; as a join answers them",
        "runs: wait and join / joined: body.foo",
        "commands: two questions / one of two: body.log",
        "commands: two questions / one of two: thread: body.values.log",
    ),
    _said(
        "A join answers as a wait",
        "commands: resume / asks: join: body.*",
        quirk=15,
    ),
    _said(
        "A resume with null gives null to the graph",
        "commands: resume / with null*",
        quirk=17,
    ),
    _said("An empty command is refused", "commands: empty and unknown / *: status", quirk=17),
    _said(
        "Ignored, with a warning in the log", "runs: feedback keys / asked for: body.*", quirk=20
    ),
    _said(
        "A path that leads somewhere",
        "*: headers.location",
        reference='"/runs/<run *>/stream"',
        quirk=18,
    ),
    _said(
        "A path that leads somewhere",
        "streams: location of a stateless stream / its location: status",
        lgtrio='"200"',
        quirk=18,
    ),
]

_STREAMS: Final = [
    _said(
        "The location of a stream says where to go on, for clients that had no event yet",
        "*: headers.location",
        lgtrio='"*?*last_event_id=*"',
    ),
    _said(
        "The location of a stream keeps the query",
        "streams: joining / *: headers.location",
        lgtrio='"*?stream_mode=*"',
    ),
    _said(
        "All modes of a list count, and `metadata` and `error` always come",
        "streams: joining / one mode*: stream.*",
        "streams: joining / two modes: stream.*",
        "streams: coming back / one mode from the start: stream.*",
        quirk=27,
    ),
    _said(
        "The stored events of a failed run end with its error",
        "streams: coming back / a failed run: stream.*",
    ),
    _said(
        "As LangGraph sends it: a message without an id gets one when it is stored, after the"
        " update has been sent",
        "streams: messages / *.id",
        reference='"<uuid>"',
        lgtrio="null",
    ),
    _said(
        "Both spellings of the parameter, and all of its values",
        "thread streams: runs / the SDK's spelling: stream.*",
        "thread streams: runs / repeated: stream.*",
        quirk=28,
    ),
    _said(
        "Not followed: no such thread",
        "thread streams: refusals / unknown thread: status",
        quirk=29,
    ),
]

_LANES: Final = [
    _said(
        "Busy as long as a run waits or works",
        "multitask: three deep / *: in between: body.0.status",
        "cancels: of a pending run behind another / thread at once: body.status",
        quirk=24,
    ),
    _said(
        "After a rollback the thread is exactly as it was before the run",
        "cancels: * / rollback*: thread: body.*",
        "cancels: * / rollback*: thread: body",
        "multitask: rollback / thread: body.*",
    ),
    _said(
        "A cancel that waits answers `{}`; the reference server sometimes has the values so far",
        "cancels: * wait=true: body.*",
        lgtrio="(absent)",
        sometimes=True,
    ),
    _said(
        "A run that is deleted is stopped, and nothing of it stays",
        "cancels: deleting a running run / thread: body*",
        "cancels: deleting a running run / state: body*",
        quirk=22,
    ),
]

_STORE: Final = [
    _said(
        "Every refusal is JSON with a `detail`",
        "store: refusals / *: headers.content-type",
        "store: refusals / *: body",
        "store: refusals / get without key: body.*",
        quirk=30,
    ),
    _said("No prefix is every namespace", "store: search without a prefix / *: status", quirk=31),
    _said(
        "What cannot be compared does not match",
        "store: search / filter: *: status",
        lgtrio='"200"',
        quirk=31,
    ),
    _said("Limits that make no sense are refused", "store: search / limit *: status", quirk=31),
    _said("Only namespaces with items are listed", "store: namespaces / after *: body.*", quirk=32),
]

_CRONS: Final = [
    _said("The client's mistake, not the server's", "crons: refusals / no *: status", quirk=33),
    _said(
        "What the server adds to a run is not a part of its context",
        "firing: *: run: body.kwargs.context.*",
        lgtrio="(absent)",
    ),
    _said(
        "A run of a cron tells when it was made, as every run does",
        "firing: *: run: body.kwargs.config.configurable.__request_start_time_ms__",
    ),
    _said("The end is checked", "crons: refusals / bad end: status", quirk=33),
    _said(
        "Metadata is merged everywhere",
        "crons: patch and delete / *: body.payload.metadata.*",
        quirk=34,
    ),
]

EXPLANATIONS: Final = [
    *_WORDS,
    *_SERVER,
    *_ROWS,
    *_REFUSED,
    *_ASSISTANTS,
    *_THREADS,
    *_RUNS,
    *_STREAMS,
    *_LANES,
    *_STORE,
    *_CRONS,
]
