"""What only the process hears that has started the servers: what they log, and their traces.

Proofs are carried out in other processes. They ask for it over HTTP, and are answered as soon as
it is there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Find = Callable[..., Any]
"""Takes `seconds` and values; the first thing that has them, or None when the time is over."""


@contextmanager
def witness(sources: Mapping[str, Find]) -> Iterator[str]:
    """The URL of a witness, to be asked with `ask`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found = sources[asked["source"]](seconds=asked["seconds"], **asked["values"])
            content = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, source: str, values: dict[str, Any], *, seconds: float) -> Any:
    order = {"source": source, "values": values, "seconds": seconds}
    return httpx.post(url, json=order, timeout=seconds + 30, trust_env=False).json()
