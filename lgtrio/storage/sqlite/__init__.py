"""SQLite, the default database: one file, one writer, and everything in it."""

from lgtrio.storage.sqlite.storage import SqliteStorage, open_sqlite

__all__ = ["SqliteStorage", "open_sqlite"]
