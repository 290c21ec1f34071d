"""POST over HTTP, where every connection goes to an address that has been looked at.

A name is resolved once, and what is connected to is the address that was looked at: a name
server cannot show one address to the guard and another to the connection. Redirects are answers,
they are not followed.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any, cast

import httpcore
import trio
from attrs import field, frozen

from lgtrio import __version__
from lgtrio.runs.webhooks import DeliveryFailed
from lgtrio.webhooks.addresses import why_blocked

Trusts = Callable[[str], bool]
"""Whether a host may be connected to whatever its address is."""


async def post(url: str, body: bytes, *, headers: Mapping[str, str], trusts: Trusts) -> int:
    """
    Returns:
        The status of the answer; its body is not read.

    Raises:
        DeliveryFailed: no connection, or no HTTP at its other end.
    """
    sent = {"User-Agent": f"lgtrio/{__version__}", "Content-Type": "application/json", **headers}
    try:
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=_tls(), network_backend=_GuardedBackend(trusts)
            ) as pool,
            pool.stream("POST", url, headers=list(sent.items()), content=body) as response,
        ):
            return int(response.status)
    except (
        httpcore.NetworkError,
        httpcore.TimeoutException,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        reason = str(error) or str(error.__cause__ or "")
        raise DeliveryFailed(f"{type(error).__name__}: {reason}") from error


@cache
def _tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


def _over_trio() -> httpcore.AsyncNetworkBackend:
    # The name may also stand for a substitute, which httpcore has for when Trio is missing.
    return cast(httpcore.AsyncNetworkBackend, httpcore.TrioBackend())


@frozen
class _GuardedBackend(httpcore.AsyncNetworkBackend):
    trusts: Trusts
    _network: httpcore.AsyncNetworkBackend = field(factory=_over_trio)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """
        Raises:
            DeliveryFailed: one of the host's addresses is not public.
        """
        addresses = await _addresses(host, port)
        if not self.trusts(host):
            _check_public(host, addresses)
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"the host {host} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _check_public(host: str, addresses: Iterable[str]) -> None:
    for address in addresses:
        reason = why_blocked(ip_address(address.partition("%")[0]))
        if reason is not None:
            raise DeliveryFailed(f"the host {host} is blocked: {reason}")
