"""Every test has a database file of its own."""

from support.savers import database as database
