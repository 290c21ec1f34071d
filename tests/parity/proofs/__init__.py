"""The proofs, a module for each client and for what all methods share."""

from parity.proofs import assistants, extras

__all__ = ["assistants", "extras"]
