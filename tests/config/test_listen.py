"""The listening socket: next free port, asked-for port, addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from lgtrio.config import Settings
from lgtrio.errors import SettingsError
from lgtrio.listen import PortTaken, bind_socket, url_of


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on, with a free one shortly above it."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_port_0_is_any_free_one() -> None:
    with bind_socket(Settings(port=0)) as sock:
        port = sock.getsockname()[1]
        assert port > 0
        assert url_of(sock) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # it listens already


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"^Port {taken} on 127.0.0.1 is taken by another"):
        bind_socket(Settings(port=taken, port_given=True))


def test_the_next_free_port_is_used_where_none_was_asked_for(taken: int) -> None:
    with capture_logs() as logs, bind_socket(Settings(port=taken)) as sock:
        port = sock.getsockname()[1]
    assert port > taken
    assert [(line["taken"], line["port"]) for line in logs] == [(taken, port)]


def test_a_wildcard_address_is_shown_as_the_loopback_one() -> None:
    with bind_socket(Settings(host="0.0.0.0", port=0)) as sock:
        assert url_of(sock).startswith("http://127.0.0.1:")


def test_localhost_is_reached_by_ipv4() -> None:
    with bind_socket(Settings(host="localhost", port=0)) as sock:
        assert sock.family == socket.AF_INET


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_of_somewhere_else_is_named(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--host is '{host}'"):
        bind_socket(Settings(host=host, port=0))
