"""Something that LangSmith could be: it takes traces, and keeps the runs that they tell of."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEFAULT_PROJECT = "everything"
"""Where traces belong of which nobody says anything else."""
PLAIN_JSON = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 20_000_000,
    "scale_up_nthreads_limit": 1,
    "scale_up_qsize_trigger": 1000,
}
"""How runs are to be sent."""


class Langsmith(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._runs: list[dict[str, Any]] = []
        self._arrived = threading.Condition()

    @property
    def environment(self) -> dict[str, str]:
        """Of a server that sends its traces here."""
        return {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "LANGSMITH_API_KEY": "key",
            "LANGSMITH_PROJECT": DEFAULT_PROJECT,
        }

    def take(self, runs: list[dict[str, Any]]) -> None:
        with self._arrived:
            self._runs += runs
            self._arrived.notify_all()

    def find(self, *, seconds: float = 30, **values: Any) -> dict[str, Any] | None:
        """Wait for the beginning of a run that has these values; those of the server's runs have
        their `id`."""

        def found() -> dict[str, Any] | None:
            return next((each for each in self._runs if values.items() <= each.items()), None)

        with self._arrived:
            return self._arrived.wait_for(found, seconds)


class Handler(BaseHTTPRequestHandler):
    server: Langsmith

    def do_GET(self) -> None:
        self._answer({"version": "1", "batch_ingest_config": PLAIN_JSON})

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.take(told["post"])
        self._answer({})

    def _answer(self, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def langsmith() -> Iterator[Langsmith]:
    with Langsmith() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
