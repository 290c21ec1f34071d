"""Is lgtrio's API the reference server's? The same requests to both, answers compared.

`python -m bench.parity` starts both servers, plays every scenario on each, normalises what differs
by nature (ids, times, versions) and prints the differences that nothing explains; there must be
none. `--write` writes the page of the documentation (`lgtrio/docs/parity.md`).
"""

from pathlib import Path

CONFIG = Path(__file__).parent / "project" / "langgraph.json"
"""What both servers have to serve."""
