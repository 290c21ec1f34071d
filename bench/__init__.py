"""Instruments that measure: nothing here asserts a time.

`python -m bench` puts the server beside in-process calls of the same graphs, and beside other
servers, in turns; it quotes medians and ratios of neighbours in time, for machines are noisy.
`lgtrio/docs/measuring.md` says how to read it and how to add to it.
"""
