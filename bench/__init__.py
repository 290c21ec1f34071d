"""Benchmarks: scripts that measure and print JSON; nothing here asserts a time.

`python -m bench` runs all of them, `python -m bench wait` one. Each puts the server beside a
plain in-process call of the same graph, in turns, and quotes medians: machines are noisy, ratios
of neighbours in time are not.
"""
