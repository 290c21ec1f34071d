"""Vectors of items, compared by sqlite-vec, an extension of SQLite."""

from __future__ import annotations

import ctypes
import sqlite3
import sys
from array import array
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Final

from lgtrio.errors import SettingsError
from lgtrio.storage.sqlite.searching import Sql

Vector = bytes
"""Numbers of 32 bits, one behind the other."""

_SUFFIX: Final = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
"""Of the extension's file, which sqlite-vec names without it."""
_UNAVAILABLE: Final = (
    "`store.index` needs the SQLite extension sqlite-vec, which cannot be loaded here: {reason}."
    " Use a Python whose sqlite3 module allows extensions (those of Debian, Docker's python"
    " images, uv and conda do), or remove `store.index` from langgraph.json."
)


def vector(numbers: Iterable[float]) -> Vector:
    """
    Raises:
        TypeError: not numbers.
    """
    return array("f", numbers).tobytes()


def replace_vectors(
    connection: sqlite3.Connection, item_id: int, vectors: Sequence[Vector]
) -> None:
    connection.execute("DELETE FROM store_vectors WHERE item_id = ?", (item_id,))
    connection.executemany(
        "INSERT INTO store_vectors (item_id, embedding) VALUES (?, ?)",
        ((item_id, each) for each in vectors),
    )


def score_of(near: Vector, item_id: str) -> Sql:
    """An expression: how near the item's nearest vector is to this one, by the cosine of the angle
    between them; null for items without a vector of this length.

    Args:
        item_id: SQL for the id of the item.
    """
    return Sql(
        "(SELECT max(1.0 - vec_distance_cosine(embedding, ?)) FROM store_vectors"
        f" WHERE store_vectors.item_id = {item_id} AND length(embedding) = ?)",
        (near, len(near)),
    )


# -- the extension -------------------------------------------------------------------------


def enable_vectors() -> None:
    """Make sure that `load_vectors` will succeed; called before any database is opened.

    Raises:
        SettingsError: it cannot; says what to do.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        if not hasattr(connection, "enable_load_extension"):
            _load_into_all(connection)
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            load_vectors(connection)
        except sqlite3.Error as error:
            raise SettingsError(_UNAVAILABLE.format(reason=error)) from error


def load_vectors(connection: sqlite3.Connection) -> None:
    """Give a connection the functions of sqlite-vec, unless it has them.

    Raises:
        sqlite3.Error: they cannot be loaded.
    """
    try:
        connection.execute("SELECT vec_version()").fetchall()
    except sqlite3.OperationalError:
        _load(connection)


def _load(connection: sqlite3.Connection) -> None:
    # Only who searches by meaning needs it, and a server that starts should not wait for it.
    import sqlite_vec

    if not hasattr(connection, "enable_load_extension"):
        raise sqlite3.NotSupportedError("this Python's sqlite3 module cannot load extensions")
    connection.enable_load_extension(True)
    try:
        sqlite_vec.load(connection)
    finally:
        connection.enable_load_extension(False)


def _load_into_all(connection: sqlite3.Connection) -> None:
    """Have SQLite itself load the extension into each connection opened from now on.

    For a Python that was built without `enable_load_extension` on an SQLite that can.
    """
    import _sqlite3

    import sqlite_vec

    options = {name for (name,) in connection.execute("PRAGMA compile_options")}
    if "OMIT_LOAD_EXTENSION" in options:
        return
    try:
        # The module's own SQLite is found through it, whichever library that is.
        auto_extension = ctypes.CDLL(_sqlite3.__file__).sqlite3_auto_extension
        extension = ctypes.CDLL(sqlite_vec.loadable_path() + _SUFFIX).sqlite3_vec_init
    except (AttributeError, OSError):  # SQLite is a hidden part of Python itself
        return
    auto_extension.argtypes = [ctypes.c_void_p]
    auto_extension(ctypes.cast(extension, ctypes.c_void_p))
