"""The stream mode `tools`: what a run's tools are given, send and answer, as clients read it.

LangGraph's own payloads have other names; these are the ones of the clients' types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field
from langgraph.pregel._tools import StreamToolCallHandler
from langgraph.pregel.protocol import StreamChunk

_EVENTS: Final = {
    "tool-started": ("on_tool_start", "input", "input"),
    "tool-output-delta": ("on_tool_event", "delta", "data"),
    "tool-finished": ("on_tool_end", "output", "output"),
    "tool-error": ("on_tool_error", "message", "error"),
}
"""LangGraph's event to the clients', and the name of what comes with it here and there."""


@define(eq=False)
class ToolEvents:
    """Of one run; may be called from any thread."""

    _names: dict[str, str] = field(factory=dict, init=False)
    """Id of each call to the name of its tool, which only the start of the call tells."""

    def of(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        event, inside, outside = _EVENTS[payload["event"]]
        call_id: str = payload["tool_call_id"]
        name = self._names.setdefault(call_id, payload.get("tool_name", ""))
        if event in {"on_tool_end", "on_tool_error"}:
            self._names.pop(call_id, None)
        return {
            "event": event,
            "toolCallId": call_id,
            "name": name,
            outside: payload.get(inside),
        }


class ToolsHandler(StreamToolCallHandler):
    """Hears of tools as LangGraph's own handler does; what `_MessagesHandler` is for messages."""

    def __init__(self, emit: Callable[[StreamChunk], None], subgraphs: bool) -> None:
        super().__init__(emit, subgraphs=True, parent_ns=())
        self._wanted = subgraphs

    def on_chain_start(self, *args: Any, parent_run_id: Any = None, **kwargs: Any) -> Any:
        if parent_run_id is None:  # LangGraph has let the handler in
            self.subgraphs = self._wanted
        return super().on_chain_start(*args, parent_run_id=parent_run_id, **kwargs)
