"""Crash tests: kill this very process when it reaches a named point. Off unless asked for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field

from lgtrio.errors import SettingsError

VARIABLE: Final = "LGTRIO_FAULT"


@define(eq=False)
class KillAt:
    """Dies by SIGKILL the n-th time `point` is reached: no cleanup of any kind runs."""

    point: str
    times: int = 1
    _left: int = field(init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.times

    def __call__(self, point: str) -> None:
        if point != self.point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def faults_from_environment(
    environment: Mapping[str, str] = os.environ,
) -> Callable[[str], None] | None:
    """The fault hook that `LGTRIO_FAULT=<point>[:<n>]` asks for, None where it is not set.

    Points: `before-op:<method>`, `after-op:<method>` (inside the transaction), `before-commit`,
    `after-commit`; methods are those of `storage.interface.Storage`.

    Raises:
        SettingsError: the value has another form.
    """
    value = environment.get(VARIABLE)
    if not value:
        return None
    point, _, last = value.rpartition(":")
    if not last.isdecimal():
        point, last = value, "1"
    if not point.startswith(("before-", "after-")) or int(last) < 1:
        raise SettingsError(f"{VARIABLE} must be <point> or <point>:<n>, got {value!r}.")
    return KillAt(point, int(last))
