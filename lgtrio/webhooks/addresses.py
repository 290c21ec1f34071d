"""Which addresses the server may call on behalf of a client: only those of the public internet."""

from __future__ import annotations

import socket
from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

Address = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")
_KINDS: Final = ("loopback", "link_local", "multicast", "unspecified", "private", "reserved")


def why_blocked(address: Address) -> str | None:
    """The kind of address as a phrase; None for one of the public internet."""
    inner = _inner(address)
    if inner is not None:
        return why_blocked(inner)
    for kind in _KINDS:
        if getattr(address, f"is_{kind}"):
            return f"{kind.replace('_', '-')} IP range"
    return None if address.is_global else "not a public IP range"


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def literal_address(host: str) -> Address | None:
    """The address that a URL's host is, in any form that resolvers take; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))  # such as 2130706433 or 0x7f.1
    except OSError:
        return None
