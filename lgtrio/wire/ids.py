"""Ids on the wire: lower-case canonical UUID strings."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

from uuid_utils import uuid4, uuid7

from lgtrio.errors import InvalidRequest

_CANONICAL: Final = re.compile("-".join(f"[0-9a-f]{{{n}}}" for n in (8, 4, 4, 4, 12)))
"""As ids are answered, and nearly always sent back: nothing is to be done with these."""
_GRAPH_NAMESPACE: Final = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""The platform's own namespace, none of the constants of RFC 4122."""


def new_id() -> str:
    """A UUIDv7: ids of threads and runs sort by the time they were made."""
    return str(uuid7())


def random_id() -> str:
    """A UUIDv4, for ids that should tell nothing."""
    return str(uuid4())


@lru_cache
def default_assistant_id(graph_id: str) -> str:
    """Id of the assistant that every graph gets at start."""
    return str(uuid5(_GRAPH_NAMESPACE, graph_id))


def parse_uuid(kind: str, text: str) -> str:
    """Canonical form of an id that a client sent.

    Args:
        kind: `assistant`, `thread`, `run` …; named in the sentence.

    Raises:
        InvalidRequest: `text` is no UUID.
    """
    if _CANONICAL.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError as error:
        raise InvalidRequest(f"Invalid {kind} ID: must be a UUID") from error
