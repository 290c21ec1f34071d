"""Pages of a search: how clients ask for one, and the headers that lead to the next."""

from __future__ import annotations

from typing import Any, Final, NewType

from lgtrio.wire.converter import CONVERTER, JSON_FORMS, WrongValue

PageSize = NewType("PageSize", int)
"""How many rows; 1 to `MAX_PAGE`."""
Offset = NewType("Offset", int)
"""How many rows to pass over."""

DEFAULT_PAGE: Final = PageSize(10)
FIRST_ROW: Final = Offset(0)
MAX_PAGE: Final = 1000
_LARGEST: Final = (1 << 63) - 1 - MAX_PAGE
"""What a database can count to."""


def _take_page_size(value: Any, _type: Any) -> int:
    return _within(value, 1, MAX_PAGE)


def _take_offset(value: Any, _type: Any) -> int:
    return _within(value, 0, _LARGEST)


def _within(value: Any, least: int, most: int) -> int:
    if type(value) is not int:
        raise WrongValue("an integer", value)
    if not least <= value <= most:
        raise WrongValue(f"between {least} and {most}", value)
    return value


CONVERTER.register_structure_hook(PageSize, _take_page_size)
CONVERTER.register_structure_hook(Offset, _take_offset)

JSON_FORMS[PageSize] = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}
JSON_FORMS[Offset] = {"type": "integer", "minimum": 0, "maximum": _LARGEST}


def page_headers(*, total: int, more: bool, limit: int, offset: int) -> dict[str, str]:
    """
    Args:
        total: how many match in all, as far as they were counted.
        more: there is a page behind this one.
    """
    headers = {"X-Pagination-Total": str(total)}
    if more:
        headers["X-Pagination-Next"] = str(offset + limit)
    return headers
