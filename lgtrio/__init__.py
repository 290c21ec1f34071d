"""lgtrio: a structured-concurrency server for LangGraph graphs."""

from lgtrio._version import __version__

__all__ = ["__version__"]
