"""Which URLs a client may have called: `webhooks.url` of langgraph.json. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from lgtrio.errors import InvalidRequest
from lgtrio.webhooks.addresses import literal_address, why_blocked

_LOOPBACK_DISABLED = (
    "Loopback webhooks (relative URLs and localhost) are disabled by default. Set"
    " webhooks.url.disable_loopback to false in langgraph.json to allow them."
)


def is_relative(url: str) -> bool:
    """Whether it is a path on this server."""
    return url.startswith("/") and not url.startswith("//")


@frozen
class UrlPolicy:
    require_https: bool = False
    allowed_domains: Sequence[str] | None = None
    """Names, or `*.` and a name for all that are under it; None for all."""
    allowed_ports: Sequence[int] | None = None
    """None for all."""
    max_url_length: int = 4096
    disable_loopback: bool = True
    """False allows paths on this server, and makes `allowed_domains` an exception from the rule
    that only public addresses are called."""

    def check(self, url: str) -> None:
        """Whether addresses are public is seen when a name is resolved: here only those written
        as such are refused.

        Raises:
            InvalidRequest: it is not allowed.
        """
        if len(url) > self.max_url_length:
            raise InvalidRequest(
                f"Webhook URL too long: {len(url)} characters, at most {self.max_url_length}"
            )
        if not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidRequest(
                "Webhook URL must consist of printable ASCII characters: write others as %XX, and"
                " a host's in its xn-- form"
            )
        if is_relative(url):
            self._check_loopback()
        else:
            self._check_absolute(url)

    def trusts(self, host: str) -> bool:
        """Whether the host may be called wherever it is: the operator has named it."""
        return not self.disable_loopback and bool(self.allowed_domains) and self._allows(host)

    def _check_loopback(self) -> None:
        if self.disable_loopback:
            raise InvalidRequest(_LOOPBACK_DISABLED)

    def _check_absolute(self, url: str) -> None:
        parts, port = _parts_of(url)
        host = parts.hostname or ""
        if self.require_https and parts.scheme != "https":
            raise InvalidRequest("Webhook URL must use https")
        if not self._allows(host):
            raise InvalidRequest(f"Webhook domain '{host}' not allowed")
        if self.allowed_ports is not None and port not in self.allowed_ports:
            raise InvalidRequest(f"Webhook port {port} not allowed")
        if self.trusts(host):
            return
        if host == "localhost" or host.endswith(".localhost"):
            raise InvalidRequest("Webhook host blocked: loopback IP range")
        address = literal_address(host)
        reason = None if address is None else why_blocked(address)
        if reason is not None:
            raise InvalidRequest(f"Webhook host blocked: {reason}")

    def _allows(self, host: str) -> bool:
        return self.allowed_domains is None or any(
            _matches(host, domain.lower()) for domain in self.allowed_domains
        )


def _parts_of(url: str) -> tuple[SplitResult, int]:
    """The URL's parts and its port.

    Raises:
        InvalidRequest: it is no absolute URL that can be called.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"Invalid webhook URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidRequest(
            "Invalid webhook URL: it must begin with http:// or https:// and name a host, or be a"
            " path on this server that begins with /"
        )
    if "@" in parts.netloc:
        raise InvalidRequest(
            "Invalid webhook URL: a user name in it would not be sent; the server's operator can"
            " set headers under webhooks.headers of langgraph.json"
        )
    return parts, port or (443 if parts.scheme == "https" else 80)


def _matches(host: str, domain: str) -> bool:
    host = host.rstrip(".")
    return host.endswith(domain[1:]) if domain.startswith("*.") else host == domain
