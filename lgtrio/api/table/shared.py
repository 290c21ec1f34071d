"""What routes of several resources have."""

from __future__ import annotations

from typing import Final

COUNT: Final = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
PAGE_HEADERS: Final = ("X-Pagination-Total", "X-Pagination-Next")
