"""Telling others of the ends of runs: which URLs may be called, and the calling."""
