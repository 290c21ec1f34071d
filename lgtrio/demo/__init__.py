"""Graphs to try the server with. None needs a key; the same input gives the same output."""
