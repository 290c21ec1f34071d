"""The scenarios, a file a family, in the order in which they are played."""

from __future__ import annotations

from bench.semantics.families.cancels import cancels
from bench.semantics.families.deletes import deletes
from bench.semantics.families.disconnects import disconnects
from bench.semantics.families.order import order
from bench.semantics.families.rollbacks import rollbacks
from bench.semantics.families.strategies import strategies
from bench.semantics.families.streams import streams
from bench.semantics.scenario import Family

FAMILIES: list[Family] = [
    strategies,
    cancels,
    disconnects,
    rollbacks,
    order,
    streams,
    deletes,
]
