"""Which URLs may be called, and which addresses: pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.errors import InvalidRequest
from lgtrio.webhooks.addresses import literal_address, why_blocked
from lgtrio.webhooks.policy import UrlPolicy

OPEN = UrlPolicy(disable_loopback=False, allowed_domains=["localhost", "*.inside.test", "10.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "https://there.test/hook",
        "http://there.test:9999/hook?a=1#part",
        "HTTPS://There.Test",
        "http://8.8.8.8/",
        "http://[2001:4860:4860::8888]/",
    ],
)
def test_urls_that_anybody_may_have_called(url: str) -> None:
    UrlPolicy().check(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1/", "Webhook host blocked: loopback IP range"),
        ("http://127.1/", "loopback"),
        ("http://2130706433/", "loopback"),
        ("http://0x7f.0.0.1/", "loopback"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://[64:ff9b::7f00:1]/", "loopback"),
        ("http://[2002:7f00:1::]/", "loopback"),
        ("http://localhost:8000/", "loopback"),
        ("http://LOCALHOST/", "loopback"),
        ("http://me.localhost/", "loopback"),
        ("http://10.1.2.3/", "private IP range"),
        ("http://192.168.0.1/", "private IP range"),
        ("http://[fd00::1]/", "private IP range"),
        ("http://169.254.169.254/latest", "link-local IP range"),
        ("http://[fe80::1%25eth0]/", "link-local IP range"),
        ("http://100.64.0.1/", "not a public IP range"),
        ("http://0.0.0.0/", "unspecified IP range"),
        ("http://224.0.0.1/", "multicast IP range"),
        ("/hook", "Loopback webhooks (relative URLs and localhost) are disabled by default"),
        ("//there.test/hook", "must begin with http"),
        ("ftp://there.test/", "must begin with http"),
        ("https:///path", "name a host"),
        ("there.test/hook", "must begin with http"),
        ("http://there.test:99999/", "Invalid webhook URL"),
        ("http://[::1/", "Invalid webhook URL"),
        ("http://me:secret@there.test/", "a user name in it would not be sent"),
        ("http://there.test/a b", "printable ASCII"),
        ("http://there.test/\r\nX: y", "printable ASCII"),
        ("http://thére.test/", "printable ASCII"),
        ("http://there.test/" + "x" * 5000, "too long"),
    ],
)
def test_urls_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        UrlPolicy().check(url)
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("policy", "good", "bad", "said"),
    [
        (UrlPolicy(require_https=True), "https://a.test/", "http://a.test/", "must use https"),
        (UrlPolicy(allowed_ports=[443]), "https://a.test/", "http://a.test/", "port 80 not"),
        (UrlPolicy(allowed_ports=[8443]), "https://a.test:8443/", "https://a.test/", "port 443"),
        (UrlPolicy(max_url_length=20), "https://a.test/", "https://a.test/123456", "at most 20"),
        (UrlPolicy(allowed_domains=["A.test"]), "http://a.test/", "http://b.a.test/", "'b.a.test'"),
        (UrlPolicy(allowed_domains=["a.test"]), "http://a.test./", "http://b.test/", "'b.test'"),
        (UrlPolicy(allowed_domains=["*.a.test"]), "http://b.a.test/", "http://a.test/", "'a.test'"),
        (UrlPolicy(allowed_domains=["*.a.test"]), "http://c.b.a.test/", "http://xa.test/", "not"),
        (UrlPolicy(allowed_domains=[]), None, "http://a.test/", "not allowed"),
        # Named by the operator, and yet: only with loopback enabled.
        (UrlPolicy(allowed_domains=["localhost"]), None, "http://localhost/", "loopback"),
        (UrlPolicy(disable_loopback=False), "/own/path", "http://localhost/", "loopback"),
        (OPEN, "http://localhost:1234/", "http://there.test/", "not allowed"),
        (OPEN, "http://10.0.0.1/", "http://10.0.0.2/", "not allowed"),
        (OPEN, "/own/path", "//there.test/", "must begin with"),
    ],
)
def test_the_policy_of_langgraph_json(
    policy: UrlPolicy, good: str | None, bad: str, said: str
) -> None:
    if good is not None:
        policy.check(good)
    with pytest.raises(InvalidRequest) as refused:
        policy.check(bad)
    assert said in refused.value.detail


def test_whom_the_operator_trusts() -> None:
    assert OPEN.trusts("localhost")
    assert OPEN.trusts("db.inside.test")
    assert not OPEN.trusts("there.test")
    assert not UrlPolicy(disable_loopback=False).trusts("localhost")
    assert not UrlPolicy(allowed_domains=["localhost"]).trusts("localhost")


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_is_not_a_way_around(address: IPv4Address) -> None:
    number = int(address)
    ways = [
        IPv6Address(f"::ffff:{address}"),
        IPv6Address((0x64FF9B << 96) + number),
        IPv6Address((0x2002 << 112) + (number << 80)),
    ]
    reason = why_blocked(address)
    assert reason == (None if reason is None else why_blocked(ways[0]))
    assert all((why_blocked(way) is None) == (reason is None) for way in ways)
    assert (reason is None) == (address.is_global and not address.is_multicast)


@given(st.ip_addresses())
def test_written_addresses_are_recognised(address: IPv4Address | IPv6Address) -> None:
    assert literal_address(str(address)) == address
    if isinstance(address, IPv4Address):
        assert literal_address(str(int(address))) == address
        assert literal_address(hex(int(address))) == address
    assert literal_address("there.test") is None
    assert literal_address("dead.beef") is None


def test_addresses_of_zones() -> None:
    assert literal_address("fe80::1%eth0") == ip_address("fe80::1")
