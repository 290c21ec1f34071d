"""A user's traceback as the user would see it: without the frames that led us to their code."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_OURS: Final = str(Path(__file__).parent)
_IMPORTING: Final = (str(Path(importlib.__file__).parent), "<frozen importlib")


def user_traceback(error: BaseException) -> str:
    """The formatted traceback of `error` and of what it came from."""
    summary = traceback.TracebackException.from_exception(error, compact=True)
    for part in _chain(summary):
        part.stack = traceback.StackSummary.from_list(
            [frame for frame in part.stack if not _is_machinery(frame.filename)]
        )
    return "".join(summary.format())


def user_place(error: BaseException, folders: Sequence[Path]) -> tuple[Path, int | None] | None:
    """File and line to blame: the innermost one below `folders`; None if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return Path(error.filename), error.lineno
    places = [
        (Path(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_machinery(frame.filename)
    ]
    within = [place for place in places if _is_below(place[0], folders)]
    return within[-1] if within else None


def _is_below(file: Path, folders: Sequence[Path]) -> bool:
    # an environment inside the project's folder holds other people's code
    return "site-packages" not in file.parts and any(file.is_relative_to(each) for each in folders)


def _is_machinery(filename: str) -> bool:
    return filename.startswith((_OURS, *_IMPORTING))


def _chain(part: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    yield part
    below = (part.__cause__, part.__context__, *(part.exceptions or ()))
    for other in below:
        if other is not None:
            yield from _chain(other)
