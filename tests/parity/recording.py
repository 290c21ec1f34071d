"""A client whose calls are noted, and on whose way to the server a parameter may get lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from parity.surface import signature
from support.sdk import native

Claim = tuple[str, str]
"""A method and one of its parameters, as in `("threads.get", "include")`."""


@dataclass
class Calls:
    """What a proof has asked an SDK to do."""

    values: dict[Claim, set[str]] = field(default_factory=dict)
    """The values of each parameter, less its default."""
    lost: Claim | None = None
    """Never reaches the server: calls have its default, and one that has none has the first value
    that was given, as with a server that looks at nothing."""
    _first: Any = None

    def note(self, method: str, arguments: dict[str, Any], defaults: dict[str, Any]) -> None:
        for name, value in arguments.items():
            # By identity, too: the default of one parameter is an object made for that.
            if value is not defaults[name] and value != defaults[name]:
                self.values.setdefault((method, name), set()).add(repr(value))

    def lose(self, method: str, arguments: dict[str, Any], required: set[str]) -> None:
        if self.lost is None or self.lost[0] != method or self.lost[1] not in arguments:
            return
        name = self.lost[1]
        if name not in required:
            del arguments[name]
            return
        self._first = self._first or [arguments[name]]
        arguments[name] = self._first[0]


class Recorded:
    """The SDK's client, or one of its parts."""

    def __init__(self, client: Any, calls: Calls, name: str = "") -> None:
        self._client = client
        self._calls = calls
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not self._name:
            return Recorded(value, self._calls, name)
        signed = signature(native(self._client), name)
        defaults = {each.name: each.default for each in signed.parameters.values()}
        required = {each for each, default in defaults.items() if default is signed.empty}
        method = f"{self._name}.{name}"

        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signed.bind(*args, **kwargs)
            self._calls.note(method, bound.arguments, defaults)
            self._calls.lose(method, bound.arguments, required)
            return value(*bound.args, **bound.kwargs)

        return call
