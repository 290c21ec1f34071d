"""Helpers of the tests; `pythonpath` in pyproject.toml makes them importable as `support`."""
