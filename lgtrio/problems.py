"""A mistake in the user's own files: where it is and what it is."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen


@frozen
class Problem:
    """One thing to put right, as `lgtrio check` reports it."""

    message: str
    file: Path | None = None
    line: int | None = None
    """From 1."""
    traceback: str | None = None
    """The user's own traceback, without frames of this package."""

    @property
    def place(self) -> str:
        """`file:line`, relative to the current folder where it lies in it; may be empty."""
        if self.file is None:
            return ""
        shown = _short(self.file)
        return shown if self.line is None else f"{shown}:{self.line}"

    def __str__(self) -> str:
        """As Python shows errors: the traceback first, if there is one, the sentence last."""
        sentence = f"{self.place}: {self.message}" if self.place else self.message
        return f"{self.traceback.rstrip()}\n{sentence}" if self.traceback else sentence


def _short(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere, or the current folder is gone
        return os.fspath(file)
