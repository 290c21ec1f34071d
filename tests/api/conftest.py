from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from live import Live, live


@pytest.fixture
async def api() -> AsyncIterator[Live]:
    async with live() as api:
        yield api
