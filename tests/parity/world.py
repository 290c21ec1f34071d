"""What a proof has to work with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from parity.proving import method_of
from parity.recording import Calls, Recorded
from parity.witness import ask
from support.receiver import Received, Receiver
from support.sdk import native
from support.waiting import eventually

T = TypeVar("T")

EVERY_SECOND = "* * * * * *"
FOR_EVER = {"count": 10_000, "every": 0.05}
"""Input of a run of the graph `ticker`."""
YEARLY = "0 0 1 1 *"
"""Does not fire while a proof lasts."""


class Refused:
    """Stands for an answer with an error, whatever class the SDK raises for it."""

    def __init__(self) -> None:
        self.status: int | None = None


@contextmanager
def refused() -> Iterator[Refused]:
    """The block must end with an error that the server has answered."""
    answer = Refused()
    try:
        yield answer
    except Exception as error:
        response = getattr(error, "response", None)
        if response is None:
            raise
        answer.status = response.status_code
    assert answer.status is not None, "nothing was refused"


@dataclass
class Client:
    """An SDK client and the HTTP beneath it."""

    sdk: Any
    answers: list[Any] = field(default_factory=list)
    """The responses of httpx, as soon as their heads are there, each with its request."""

    def __post_init__(self) -> None:
        http = native(native(self.sdk).http).client
        is_async = native(self.sdk) is not self.sdk
        http.event_hooks["response"].append(self._note_async if is_async else self._note)

    def _note(self, response: Any) -> None:
        self.answers.append(response)

    async def _note_async(self, response: Any) -> None:
        self.answers.append(response)


@dataclass
class World:
    client: Client
    hooks: Receiver
    url: str
    """Of the server."""
    witness: str
    """The URL of one."""
    patience: float
    """Seconds that something that is to happen may take."""
    calls: Calls = field(default_factory=Calls)
    mark: str = field(default_factory=lambda: uuid4().hex)
    """A word that nothing else on the server has."""
    sdk: Any = None
    cleanup: ExitStack = field(default_factory=ExitStack)
    beside: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.answers.clear()
        self.sdk = Recorded(self.client.sdk, self.calls)

    def method(self, name: str) -> Any:
        return method_of(self.sdk, name)

    def eventually(self, check: Callable[[], T]) -> T:
        return eventually(check, seconds=self.patience)

    def meanwhile(self, act: Callable[[], Any]) -> threading.Thread:
        """Do something beside the proof, whatever becomes of it."""

        def run() -> None:
            with suppress(Exception):
                act()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.beside.append(thread)
        return thread

    def end(self) -> None:
        """Clean up, and let go on what was waiting for that."""
        self.cleanup.close()
        for thread in self.beside:
            thread.join(self.patience)

    # -- the wire ------------------------------------------------------------------------

    def answered(self, path: str) -> bool:
        """Whether the head of an answer has come."""
        return any(each.request.url.path == path for each in self.client.answers)

    def hang_up(self, path: str) -> None:
        """Break the connection of the last request to a path, while its answer is coming."""
        [*_, answer] = [each for each in self.client.answers if each.request.url.path == path]
        connection = answer.extensions["network_stream"].get_extra_info("socket")
        connection.shutdown(socket.SHUT_RDWR)

    # -- making what proofs need ---------------------------------------------------------

    def thread(self, **fields: Any) -> str:
        """The id of a new thread."""
        return str(self.sdk.threads.create(**fields)["thread_id"])

    def ran(self, assistant: str = "echo", **fields: Any) -> str:
        """The id of a new thread on which a run has ended."""
        thread_id = self.thread()
        self.sdk.runs.wait(thread_id, assistant, **{"input": {"foo": "1"}, **fields})
        return thread_id

    def assistant(self, graph: str = "echo", **fields: Any) -> str:
        """The id of a new assistant."""
        return str(self.sdk.assistants.create(graph, **fields)["assistant_id"])

    def busy(self) -> Any:
        """A run that is executing, for as long as it is not cancelled."""
        run = self.sdk.runs.create(self.thread(), "ticker", input=FOR_EVER)
        self.cancelled_at_the_end(run)
        self.reaches(run, "running")
        return run

    def cancelled_at_the_end(self, run: Any) -> None:
        cancel = self.sdk.runs.cancel
        self.cleanup.callback(self.quietly, cancel, run["thread_id"], run["run_id"])

    def reaches(self, run: Any, status: str) -> None:
        get = self.sdk.runs.get
        self.eventually(lambda: get(run["thread_id"], run["run_id"])["status"] == status)

    @staticmethod
    def quietly(act: Callable[..., Any], *args: Any) -> None:
        """Clean something up that may be gone."""
        try:
            act(*args)
        except Exception as error:
            if getattr(error, "response", None) is None:
                raise

    # -- what has happened ---------------------------------------------------------------

    def told(self, path: str) -> Received:
        """The first webhook that came to a path."""
        return self.eventually(lambda: self.hooks.at(path))[0]

    def heard(self, source: str, **values: Any) -> Any:
        """What there is first of these values in the server's `log` or among its `traces`."""
        found = ask(self.witness, source, values, seconds=self.patience)
        assert found is not None, f"nothing in the {source} has {values}"
        return found

    def status(self, run: Any) -> str:
        return str(self.sdk.runs.get(run["thread_id"], run["run_id"])["status"])

    def only_run(self, thread_id: str) -> Any:
        """The run of a thread that has one."""
        [run] = self.sdk.runs.list(thread_id)
        return run

    def steps(self, thread_id: str) -> list[int]:
        """The numbers of the steps in a thread's history, latest first."""
        return [each["metadata"]["step"] for each in self.sdk.threads.get_history(thread_id)]
