"""Every test has a database file of its own."""

from support.savers import database

__all__ = ["database"]
