"""The proofs, a module for each client or part of it, and one for what all methods share."""

from parity.proofs import assistants, crons, extras, new_runs, runs, states, store, threads

__all__ = ["assistants", "crons", "extras", "new_runs", "runs", "states", "store", "threads"]
