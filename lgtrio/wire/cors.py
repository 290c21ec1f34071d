"""Cross-origin requests: which pages may call this server, and what browsers are told of it.

Without configuration pages of any origin may, and may read the headers that clients need. What
`http.cors` of langgraph.json says replaces all of that: what it leaves out is closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self

from attrs import frozen

ANY: Final = "*"
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
EXPOSED: Final = (
    "Content-Location",
    "Location",
    "X-Pagination-Total",
    "X-Pagination-Next",
    "X-Request-ID",
)
_ALWAYS_ALLOWED: Final = ("Accept", "Accept-Language", "Content-Language", "Content-Type")
"""Request headers that browsers send without asking, and `Content-Type`: without that no page
could send JSON."""

Headers = Mapping[str, str]


@frozen
class Preflight:
    """The answer to a browser that asks before it sends the request itself."""

    status: int
    text: str
    headers: Headers


@frozen
class CorsPolicy:
    """Names as in langgraph.json; `*` among origins, methods or headers stands for any."""

    allow_origins: Sequence[str] = ()
    allow_methods: Sequence[str] = ("GET",)
    allow_headers: Sequence[str] = ()
    allow_credentials: bool = False
    allow_origin_regex: re.Pattern[str] | None = None
    """What the whole of an origin must match; beside `allow_origins`."""
    expose_headers: Sequence[str] = ()
    max_age: int = 600
    """Seconds for which browsers may remember an answer to a preflight."""

    @classmethod
    def open_to_all(cls) -> Self:
        """What holds without configuration."""
        return cls(
            allow_origins=(ANY,),
            allow_methods=METHODS,
            allow_headers=(ANY,),
            expose_headers=EXPOSED,
        )

    def allows(self, origin: str) -> bool:
        if ANY in self.allow_origins or origin in self.allow_origins:
            return True
        pattern = self.allow_origin_regex
        return pattern is not None and pattern.fullmatch(origin) is not None

    def answer_headers(self, origin: str) -> Headers:
        """For the answer to a request of a page; without them its browser keeps it from the page.

        An origin that is not allowed gets none, but its request is served: a preflight is what
        keeps requests back.
        """
        if not self.allows(origin):
            return {}
        exposed = {"Access-Control-Expose-Headers": ", ".join(self.expose_headers)}
        return {**self._origin_headers(origin), **(exposed if self.expose_headers else {})}

    def preflight(self, origin: str, method: str, asked: str | None) -> Preflight:
        """
        Args:
            method: of the request that is to follow.
            asked: the names of its headers, separated by commas; None if it says nothing of them.
        """
        allowed = self.allows(origin)
        refused = [
            *(() if allowed else ("origin",)),
            *(() if self._allows_method(method) else ("method",)),
            *(() if self._allows_headers(asked) else ("headers",)),
        ]
        headers = {
            **(self._origin_headers(origin) if allowed else {}),
            **({"Access-Control-Allow-Private-Network": "true"} if allowed else {}),
            "Access-Control-Allow-Methods": ", ".join(self._methods()),
            "Access-Control-Max-Age": str(self.max_age),
            **self._allowed_headers(asked),
        }
        if refused:
            return Preflight(400, "Disallowed CORS " + ", ".join(refused), headers)
        return Preflight(200, "OK", headers)

    def _origin_headers(self, origin: str) -> Headers:
        if not self.allow_credentials:
            return {"Access-Control-Allow-Origin": ANY if ANY in self.allow_origins else origin}
        # With credentials browsers take no `*`, but the very origin.
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}

    def _methods(self) -> Sequence[str]:
        return METHODS if ANY in self.allow_methods else self.allow_methods

    def _allows_method(self, method: str) -> bool:
        return method in self._methods()

    def _allows_headers(self, asked: str | None) -> bool:
        if ANY in self.allow_headers:
            return True
        known = {name.lower() for name in self._header_names()}
        names = (name.strip().lower() for name in (asked or "").split(","))
        return all(name in known for name in names if name)

    def _allowed_headers(self, asked: str | None) -> Headers:
        if ANY not in self.allow_headers:
            return {"Access-Control-Allow-Headers": ", ".join(self._header_names())}
        # As asked: with credentials browsers take `*` for a header of that name.
        return {"Access-Control-Allow-Headers": asked} if asked else {}

    def _header_names(self) -> Iterable[str]:
        return sorted({*_ALWAYS_ALLOWED, *self.allow_headers})
