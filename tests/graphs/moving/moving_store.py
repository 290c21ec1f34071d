"""Embeds texts with what is bound to the loop of its first use, as a client is."""

import asyncio
import threading

from odd_graphs import GATES

_HOME: list[asyncio.AbstractEventLoop] = []

if refuses := GATES.get("refuses to be imported"):
    refuses.reached.set()
    raise RuntimeError("not again")


async def embed(texts: list[str]) -> list[list[float]]:
    _HOME.append(asyncio.get_running_loop())
    assert len(set(_HOME)) == 1, f"bound to another loop, in {threading.current_thread().name}"
    return [[float(len(text))] for text in texts]
