"""What an lgtrio server says about itself at `/metrics`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp

_COUNTED = re.compile(
    r"^(lgtrio_\w*(?:tasks|subscribers|connections))(\{[^}]*\})? ([0-9.e+]+)", re.MULTILINE
)


async def gauges(http: aiohttp.ClientSession) -> Mapping[str, int]:
    """Numbers of tasks, subscribers and connections by name; empty where it says nothing."""
    async with http.get("/metrics") as answer:
        if answer.status == 404:
            return {}
        answer.raise_for_status()
        found = _COUNTED.findall(await answer.text())
    return {name + labels: int(float(value)) for name, labels, value in found}
