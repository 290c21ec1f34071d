"""Searches whose cost follows what they find, not how much is stored.

A search is made of parts that must all hold. A part can check a row, and most can also name
candidates by an index. The part with the fewest candidates leads and the others check, so a
selective search looks at few rows. When too many match to be sorted, rows are walked through in
the wanted order until the page is full: it is soon, since so many match.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import field, frozen

from lgtrio.storage.interface import MAX_TOTAL

_COUNTED: Final = (100, 1000, MAX_TOTAL + 1)
"""How far candidates are counted, in turns, until those of one part have an end."""


@frozen
class Sql:
    text: str
    parameters: Sequence[Any] = ()


@frozen
class Part:
    """One condition of a search."""

    check: Sql
    """True of the table's rows that match. It must use no index of its own: write `+column`."""
    finds: Sequence[Sql] = ()
    """Selects, each of which gives the column `owner` of all rows that match, and perhaps others;
    none of them gives an owner twice."""


@frozen
class Found:
    """One page of what was found."""

    owners: Sequence[str]
    more: bool
    """There are others behind this page."""
    total: int
    """How many match in all. Beyond `MAX_TOTAL`, as far as this page shows: those up to its end,
    and one more if there are any."""


def _as_tuple(parts: Iterable[Part]) -> Sequence[Part]:
    return tuple(parts)


@frozen
class Search:
    table: str
    owner: str
    """The column of `table` that the parts' candidates are named by."""
    parts: Sequence[Part] = field(converter=_as_tuple)

    def count(self, connection: sqlite3.Connection) -> int:
        """How many match."""
        lead, _candidates = self._lead(connection)
        return _number(connection, self._matching("1 AS hit", lead))

    def page(self, connection: sqlite3.Connection, *, order: str, limit: int, offset: int) -> Found:
        """
        Args:
            order: terms of an ORDER BY that leave no two rows equal.
        """
        lead, candidates = self._lead(connection)
        total = _number(connection, self._matching("1 AS hit", lead), limit=MAX_TOTAL + 1)
        if total > MAX_TOTAL and candidates > MAX_TOTAL:
            lead = None
        # One row more than asked for, to see whether there is one.
        page = self._matching(f"{self.table}.{self.owner}", lead)
        rows = connection.execute(
            f"{page.text} ORDER BY {order} LIMIT ? OFFSET ?", (*page.parameters, limit + 1, offset)
        ).fetchall()
        owners = [owner for (owner,) in rows[:limit]]
        more = len(rows) > limit
        if total > MAX_TOTAL:
            total = offset + len(owners) + more
        return Found(owners, more, total)

    def select(self, connection: sqlite3.Connection, columns: str) -> Sql:
        """All that match, without an order, for those who need no total."""
        lead, candidates = self._lead(connection)
        return self._matching(columns, lead if candidates <= MAX_TOTAL else None)

    def _lead(self, connection: sqlite3.Connection) -> tuple[Sql | None, int]:
        """The select with the fewest candidates, and how many these are, or more.

        None of them is counted further than ten times as many as the fewest has.
        """
        finds = [find for part in self.parts for find in part.finds]
        for limit in _COUNTED if finds else ():
            counted = [(_number(connection, find, limit=limit), find) for find in finds]
            candidates, lead = min(counted, key=lambda each: each[0])
            if candidates < limit or limit == _COUNTED[-1]:
                return lead, candidates
        return None, _COUNTED[-1]

    def _matching(self, columns: str, lead: Sql | None) -> Sql:
        """All that match, as a select without an order."""
        checks = " AND ".join(part.check.text for part in self.parts) or "TRUE"
        source = self.table
        parameters: list[Any] = []
        if lead is not None:  # CROSS JOIN: the left side leads
            source = f"({lead.text}) AS lead CROSS JOIN {self.table}"
            checks = f"{self.table}.{self.owner} = lead.owner AND {checks}"
            parameters.extend(lead.parameters)
        for part in self.parts:
            parameters.extend(part.check.parameters)
        return Sql(f"SELECT {columns} FROM {source} WHERE {checks}", parameters)


def _number(connection: sqlite3.Connection, select: Sql, *, limit: int = -1) -> int:
    """How many rows it gives, counted up to `limit`."""
    [(number,)] = connection.execute(
        f"SELECT count(*) FROM ({select.text} LIMIT ?)", (*select.parameters, limit)
    ).fetchall()
    return int(number)
