"""Calling over real sockets, and what the guard lets through to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from lgtrio.runs.webhooks import DeliveryFailed
from lgtrio.webhooks import sender as sender_module
from lgtrio.webhooks.policy import UrlPolicy
from lgtrio.webhooks.sender import WebhookSender
from support.receiver import Receiver, receiver

TRUSTING = UrlPolicy(disable_loopback=False, allowed_domains=["localhost", "named.test"])
BODY = b'{"run_id":"r"}'


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


class Resolver(trio.abc.HostnameResolver):
    """A name server in the test's hand."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    async def getaddrinfo(self, host: Any, port: Any, *_hints: Any) -> Any:
        self.asked.append(host.decode())
        found = self.answers if len(self.asked) == 1 else ["127.0.0.1"]
        return [(2, 1, 6, "", (address, port)) for address in found]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@pytest.fixture
async def resolver() -> Resolver:
    resolver = Resolver("127.0.0.1")
    trio.socket.set_custom_hostname_resolver(resolver)  # of this `trio.run`
    return resolver


def sender(policy: UrlPolicy = TRUSTING, own_url: str = "http://127.0.0.1:9") -> WebhookSender:
    return WebhookSender(policy, {"X-Secret": "s"}, own_url)


async def test_what_is_sent(there: Receiver) -> None:
    await sender().post(there.url("/hook?a=%20b"), BODY)
    [received] = there.received
    assert received.path == "/hook?a=%20b"
    assert received.body == {"run_id": "r"}
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-secret"] == "s"
    assert received.headers["host"] == f"localhost:{there.port}"
    assert received.headers["user-agent"].startswith("lgtrio/")


async def test_a_path_on_this_server(there: Receiver) -> None:
    policy = UrlPolicy(disable_loopback=False)
    await sender(policy, f"http://127.0.0.1:{there.port}").post("/own/hook", BODY)
    assert [each.path for each in there.received] == ["/own/hook"]


@pytest.mark.parametrize("status", [199 + 101, 302, 404, 500])
async def test_only_2xx_counts_and_redirects_are_not_followed(there: Receiver, status: int) -> None:
    there.status, there.headers = status, {"Location": there.url("/elsewhere")}
    with pytest.raises(DeliveryFailed, match=f"status {status}"):
        await sender().post(there.url(), BODY)
    assert [each.path for each in there.received] == ["/hook"]


async def test_a_name_that_leads_to_a_private_address(there: Receiver, resolver: Resolver) -> None:
    with pytest.raises(DeliveryFailed, match=r"innocent\.test is blocked: loopback IP range"):
        await sender(UrlPolicy()).post(there.url(host="innocent.test"), BODY)
    assert resolver.asked == ["innocent.test"]
    assert there.received == []


async def test_one_private_address_among_others_is_enough(
    there: Receiver, resolver: Resolver
) -> None:
    resolver.answers = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(DeliveryFailed, match="private IP range"):
        await sender(UrlPolicy()).post(there.url(host="innocent.test"), BODY)


async def test_a_name_server_that_changes_its_mind(
    there: Receiver, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was looked at is the one that is connected to, whatever comes next."""
    connected: list[Any] = []

    async def connect(_self: Any, host: str, port: int, *_args: Any, **_options: Any) -> Any:
        connected.append((host, port))
        raise DeliveryFailed("far enough")

    from lgtrio.webhooks import guarded_http

    monkeypatch.setattr(guarded_http.httpcore.TrioBackend, "connect_tcp", connect)
    resolver.answers = ["8.8.8.8"]  # and 127.0.0.1 from the second question on
    with pytest.raises(DeliveryFailed, match="far enough"):
        await sender(UrlPolicy()).post(there.url(host="innocent.test"), BODY)
    assert connected == [("8.8.8.8", there.port)]
    assert resolver.asked == ["innocent.test"]


async def test_a_host_that_the_operator_has_named_may_be_private(
    there: Receiver, resolver: Resolver
) -> None:
    await sender().post(there.url(host="named.test"), BODY)
    assert resolver.asked == ["named.test"]
    assert [each.headers["host"] for each in there.received] == [f"named.test:{there.port}"]


async def test_the_next_address_is_tried(there: Receiver, resolver: Resolver) -> None:
    resolver.answers = ["127.0.0.99", "127.0.0.1"]
    await sender().post(there.url(host="named.test"), BODY)
    assert len(there.received) == 1


async def test_a_policy_that_has_become_stricter(there: Receiver) -> None:
    with pytest.raises(DeliveryFailed, match="must use https"):
        await sender(UrlPolicy(require_https=True)).post(there.url(), BODY)
    assert there.received == []


async def test_nobody_listens(unused_port: int) -> None:
    with pytest.raises(DeliveryFailed, match="ConnectError"):
        await sender().post(f"http://localhost:{unused_port}/", BODY)


@pytest.fixture
def unused_port() -> int:
    with receiver() as there:
        return there.port


async def test_no_tls_at_the_other_end(there: Receiver) -> None:
    with pytest.raises(DeliveryFailed, match="ConnectError"):
        await sender().post(there.url().replace("http:", "https:"), BODY)


async def test_no_answer_in_time(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    there.silent = threading.Event()
    monkeypatch.setattr(sender_module, "ATTEMPT_SECONDS", 0.3)
    with pytest.raises(DeliveryFailed, match=r"no answer within 0\.3 s"):
        await sender().post(there.url(), BODY)
    assert len(there.received) == 1


async def test_a_name_that_nobody_knows() -> None:
    policy = UrlPolicy()
    with pytest.raises(DeliveryFailed, match="cannot be resolved"):
        await sender(policy).post("http://nobody.invalid/", BODY)
