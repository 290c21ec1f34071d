"""The stream of a thread: all of its runs, and changes of its state."""

from __future__ import annotations

import trio
from attrs import define, frozen
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from lgtrio.api.asking import last_event_id, location_after, query, thread_of
from lgtrio.api.bodies import HEARTBEAT, RunBody
from lgtrio.api.services import Services
from lgtrio.api.streams import STREAM_HEADERS
from lgtrio.api.threads import existing_thread
from lgtrio.runs.thread_streams import ThreadFollower
from lgtrio.wire.enums import ThreadStreamMode


@define(eq=False)
class ThreadSource:
    """A thread's stream; each chunk is everything that was waiting of one run."""

    follower: ThreadFollower
    sign: bytes = HEARTBEAT
    exhausted: bool = False
    whole: bool = False

    async def next_chunk(self) -> bytes | None:
        try:
            return await self.follower.receive()
        except trio.EndOfChannel:
            return None

    def close(self) -> None:
        self.follower.close()


@frozen
class ThreadStreamRoutes:
    services: Services

    async def stream(self, thread_id: str) -> Response:
        thread_id = thread_of(thread_id)
        modes = _modes()
        await existing_thread(self.services.storage, thread_id)
        follower = await self.services.supervisor.following.follow_thread(
            thread_id, modes, last_event_id=last_event_id()
        )
        location = location_after(f"/threads/{thread_id}/stream", str(follower.since))
        return TrioResponse(
            RunBody(ThreadSource(follower), self.services.heartbeat),
            headers={**STREAM_HEADERS, "Location": location},
        )


def _modes() -> frozenset[ThreadStreamMode]:
    """What the client wants to be told; clients have two spellings.

    Raises:
        InvalidRequest: there is no such mode.
    """
    asked = query()
    named = [
        *asked.words("stream_modes", ThreadStreamMode),
        *asked.words("stream_mode", ThreadStreamMode),
    ]
    return frozenset(named or [ThreadStreamMode.RUN_MODES])
