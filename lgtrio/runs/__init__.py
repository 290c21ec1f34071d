"""Runs: their state machine, lanes, supervisor, streams. Trio only: no HTTP, SQL, LangGraph."""
