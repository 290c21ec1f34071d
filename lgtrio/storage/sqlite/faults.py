"""Crash tests: kill this very process when it reaches a named point. Off unless asked for.

| point | the process dies |
|---|---|
| `before-op:<name>` | inside the transaction, before this write has changed anything |
| `after-op:<name>` | inside the transaction, after it: nothing of the batch is stored |
| `before-commit` | between the last write of a batch and its commit |
| `after-commit` | when the batch is stored, before anybody has been told |

A write has the name of its method in `storage.interface.Storage`; what the graph side writes is
named by its saver and store. So the moments that matter most for a run are

| moment | point |
|---|---|
| after the insert of a run | `after-op:create_run` |
| stored, but the client has no answer | `after-commit` |
| between earlier checkpoints and the end (the last may go with it) | `before-op:finish_run` |
| in the commit | `before-commit` |
| during recovery | `before-op:recover`, `after-op:recover` |

A name that no write has is a point that is never reached. A write passes its points a second time
if one that shared its transaction has failed and everything was undone and done again.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field

from lgtrio.errors import SettingsError

VARIABLE: Final = "LGTRIO_FAULT"

Faults = Callable[[str], None]
"""Called with the name of each point that is reached."""

_POINT: Final = re.compile(r"(before|after)-(commit|op:\w+)")


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
) -> Faults | None:
    """The fault hook that `LGTRIO_FAULT=<point>[:<n>]` asks for, None where it is not set.

    Raises:
        SettingsError: the value has another form.
    """
    value = environment.get(VARIABLE)
    if not value:
        return None
    point, _, last = value.rpartition(":")
    if not last.isdecimal():
        point, last = value, "1"
    if not _POINT.fullmatch(point) or int(last) < 1:
        raise SettingsError(
            f"{VARIABLE} must be <point> or <point>:<n>, where a point is before-op:<name>,"
            f" after-op:<name>, before-commit or after-commit; got {value!r}."
        )
    return KillAt(point, int(last))
