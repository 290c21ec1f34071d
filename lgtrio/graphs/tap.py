"""Where a run's stream is taken from LangGraph: at the moment something is emitted.

LangGraph lets a parent graph listen to its subgraphs through two entries of the config: a
`StreamProtocol` that is called with everything emitted in the modes it names, and the `Runtime`
whose `stream_writer` nodes get. We are that parent to the root graph. Compared with iterating
over `astream`, every part is encoded before the node can change the object again, parts keep the
order in which they came about, a custom chunk costs no wake-up of the graph's loop and no task
(half the time in all), and the writer that a stuck node still holds can be closed.

The two keys and the messages handler are private to LangGraph; its minor version is pinned for
that, and `tests/graphs/test_tap.py` compares what comes out here with `astream`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, cast

from attrs import define, field
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import (
    CONFIG_KEY_CHECKPOINT_NS,
    CONFIG_KEY_RUNTIME,
    CONFIG_KEY_STREAM,
    INTERRUPT,
    NS_SEP,
)
from langgraph.config import get_config
from langgraph.pregel._messages import StreamMessagesHandler
from langgraph.pregel.protocol import StreamChunk, StreamProtocol
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import StreamMode as GraphMode

from lgtrio.errors import Fenced
from lgtrio.graphs.encode import to_json
from lgtrio.graphs.messages import MessageEvents
from lgtrio.graphs.snapshots import checkpoint_of
from lgtrio.graphs.subgraph_events import SubgraphEvents
from lgtrio.graphs.tool_events import ToolEvents, ToolsHandler
from lgtrio.runs.executor import Part
from lgtrio.runs.frames import MARK
from lgtrio.storage.interface import Json
from lgtrio.wire.converter import fitted
from lgtrio.wire.enums import StreamMode

_DIRECT: Final[dict[StreamMode, GraphMode]] = {
    StreamMode.VALUES: "values",
    StreamMode.UPDATES: "updates",
    StreamMode.TASKS: "tasks",
    StreamMode.CHECKPOINTS: "checkpoints",
    StreamMode.DEBUG: "debug",
}
"""Modes that the `StreamProtocol` sees. The others have ways of their own: `custom` the writer,
messages and tools callback handlers, `events` the caller's iteration over `astream_events`;
`lifecycle` is made of `tasks`."""


@define(eq=False)
class StreamTap:
    """Turns what one run emits into parts. May be called from any thread."""

    run_id: str
    modes: Collection[StreamMode]
    subgraphs: bool
    marks: bool
    """Whether checkpoints are marked in the stream, for clients that come back to one."""
    send: Callable[[Part], None]
    wanted: Callable[[], bool] = lambda: True
    """Whether a part would reach anybody; if not, it is not even encoded."""
    last_values: Any = field(default=None, init=False)
    """The latest state of the root graph, as emitted."""
    interrupted: bool = field(default=False, init=False)
    """A node of the root graph has asked something."""
    closed: bool = field(default=False, init=False)
    """The run has ended: nothing more is sent, and the writer raises."""
    _values_json: Json | None = field(default=None, init=False)
    """`last_values` encoded, when that was needed for a part anyway."""
    _messages: MessageEvents = field(factory=MessageEvents, init=False)
    _tools: ToolEvents = field(factory=ToolEvents, init=False)
    _lifecycle: SubgraphEvents = field(factory=SubgraphEvents, init=False)

    def attach(self, config: RunnableConfig, store: BaseStore) -> None:
        """Put the tap, and the store that goes the same way, into the config of a root graph."""
        # `values` is always listened to: the last ones are the run's result.
        modes: set[GraphMode] = {"values"}
        modes |= {_DIRECT[mode] for mode in self.modes if mode in _DIRECT}
        if StreamMode.LIFECYCLE in self.modes:
            modes.add("tasks")
        if self.marks:
            modes.add("checkpoints")
        configurable = config.setdefault("configurable", {})
        configurable[CONFIG_KEY_STREAM] = StreamProtocol(self._emitted, modes)
        configurable[CONFIG_KEY_RUNTIME] = Runtime(store=store, stream_writer=self.write)
        handlers = [*cast("list[BaseCallbackHandler]", config.get("callbacks") or ())]
        if StreamMode.MESSAGES in self.modes or StreamMode.MESSAGES_TUPLE in self.modes:
            handlers.append(_MessagesHandler(self._message, self.subgraphs))
        if StreamMode.TOOLS in self.modes:
            handlers.append(ToolsHandler(self._tool, self.subgraphs))
        if handlers:
            config["callbacks"] = handlers

    def values_json(self) -> Json:
        if self._values_json is None:
            self._values_json = fitted(to_json(self.last_values))
        return self._values_json

    # -- called by LangGraph -------------------------------------------------------------

    def write(self, chunk: Any) -> None:
        """The `stream_writer` of the run's nodes.

        Raises:
            Fenced: the run has ended.
        """
        if self.closed:
            raise Fenced(self.run_id)
        if StreamMode.CUSTOM in self.modes:
            task_ns: str = get_config().get("configurable", {})[CONFIG_KEY_CHECKPOINT_NS]
            self._send("custom", task_ns.rpartition(NS_SEP)[0], chunk)

    def _emitted(self, chunk: StreamChunk) -> None:
        namespace, mode, payload = chunk
        if not namespace and mode == "values":
            self._note_values(payload)
            if StreamMode.VALUES in self.modes and not self.closed and self.wanted():
                self.send(Part("values", "values", self.values_json()))
            return
        if mode == "tasks" and StreamMode.LIFECYCLE in self.modes:
            self._subgraphs(namespace, payload)
        if mode == "debug":
            payload = _debug_payload(payload)
        if mode in self.modes:
            self._send(mode, NS_SEP.join(namespace), payload)
        if self.marks and mode == "checkpoints" and not namespace and not self.closed:
            checkpoint_id: str = payload["config"]["configurable"]["checkpoint_id"]
            self.send(Part(MARK, MARK, checkpoint_id.encode()))

    def _message(self, chunk: StreamChunk) -> None:
        namespace, _, (message, metadata) = chunk
        if StreamMode.MESSAGES_TUPLE in self.modes:
            data = (message, metadata)
            self._send("messages", NS_SEP.join(namespace), data, asked_as="messages-tuple")
            return
        if namespace and not self.subgraphs:
            return
        for event, made in self._messages.take(message, metadata):
            self._send("messages", "", made, event=event)

    def _tool(self, chunk: StreamChunk) -> None:
        namespace, _, payload = chunk
        self._send("tools", NS_SEP.join(namespace), self._tools.of(payload))

    def _subgraphs(self, namespace: tuple[str, ...], task: Any) -> None:
        """Told whether the client wants what is streamed inside of them or not."""
        for where, data in self._lifecycle.take(namespace, task):
            if not self.closed and self.wanted():
                name = NS_SEP.join(("lifecycle", *where))
                self.send(Part("lifecycle", name, to_json(data)))

    # -- sending -------------------------------------------------------------------------

    def send_event(self, record: object) -> None:
        """A record of `astream_events`."""
        self._send("events", "", record)

    def _send(
        self,
        mode: str,
        namespace: str,
        data: object,
        *,
        asked_as: str | None = None,
        event: str | None = None,
    ) -> None:
        if self.closed or (namespace and not self.subgraphs) or not self.wanted():
            return
        name = event or mode
        if namespace:
            name = f"{name}{NS_SEP}{namespace}"
        self.send(Part(asked_as or mode, name, to_json(data)))

    def _note_values(self, payload: Any) -> None:
        self.last_values = payload
        self._values_json = None
        if isinstance(payload, dict) and INTERRUPT in payload:
            self.interrupted = True


class _MessagesHandler(StreamMessagesHandler):
    """Streams messages as LangGraph's own handler does, straight to the tap.

    LangGraph takes handlers that do not want subgraphs away from a root graph, since they could
    only be an outer graph's. Ours is put there on purpose: it says what it wants once the root
    has started.
    """

    def __init__(self, emit: Callable[[StreamChunk], None], subgraphs: bool) -> None:
        super().__init__(emit, subgraphs=True, parent_ns=())
        self._wanted = subgraphs

    def on_chain_start(self, *args: Any, parent_run_id: Any = None, **kwargs: Any) -> Any:
        if parent_run_id is None:
            self.subgraphs = self._wanted
        return super().on_chain_start(*args, parent_run_id=parent_run_id, **kwargs)


# -- the mode `debug` --------------------------------------------------------------------


def _debug_payload(record: dict[str, Any]) -> dict[str, Any]:
    """Name the checkpoints in a `checkpoint` record as thread states do."""
    if record["type"] != "checkpoint":
        return record
    payload = record["payload"]
    named = {
        **payload,
        "checkpoint": checkpoint_of(payload["config"]),
        "parent_checkpoint": checkpoint_of(payload["parent_config"]),
        "tasks": [_debug_task(task) for task in payload["tasks"]],
    }
    return {**record, "payload": named}


def _debug_task(task: dict[str, Any]) -> dict[str, Any]:
    state = task.get("state")
    if not isinstance(state, dict):
        return task
    kept = {name: value for name, value in task.items() if name != "state"}
    return {**kept, "checkpoint": checkpoint_of(state)}
