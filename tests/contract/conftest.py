"""Each test of the contract runs once for every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from databases import DATABASES, Clock

from lgtrio.storage.interface import Storage


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=list(DATABASES))
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Storage]:
    async with DATABASES[request.param](tmp_path, clock) as storage:
        yield storage
