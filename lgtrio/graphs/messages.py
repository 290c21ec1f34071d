"""The stream mode `messages`: what a client sees of messages while they are being made.

`messages/metadata` once for each message, then `messages/partial` with the message as far as it
has got, one for each chunk; a message that did not come in chunks is a `messages/complete`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

from attrs import define, field
from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message

Event: TypeAlias = tuple[str, object]
"""Event name and data."""


@define(eq=False)
class MessageEvents:
    """Accumulates the messages of one run. May be called from several threads."""

    _chunks: dict[str, BaseMessageChunk] = field(factory=dict, init=False)
    """Message id to the sum of its chunks so far."""
    _announced: set[str] = field(factory=set, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def take(self, message: BaseMessage, metadata: dict[str, Any]) -> list[Event]:
        with self._lock:
            return list(self._events(message, metadata))

    def _events(self, message: BaseMessage, metadata: dict[str, Any]) -> Iterator[Event]:
        message_id = message.id or ""
        if message_id not in self._announced:
            self._announced.add(message_id)
            yield "messages/metadata", {message_id: {"metadata": metadata}}
        if not isinstance(message, BaseMessageChunk):
            yield "messages/complete", [message]
            return
        known = self._chunks.get(message_id)
        so_far = message if known is None else known + message
        assert isinstance(so_far, BaseMessageChunk)
        self._chunks[message_id] = so_far
        yield "messages/partial", [message_chunk_to_message(so_far)]
