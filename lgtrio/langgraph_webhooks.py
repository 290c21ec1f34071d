"""The section `webhooks` of langgraph.json: which URLs may be called, and what is sent along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, fields, frozen

from lgtrio.errors import SettingsError
from lgtrio.langgraph_keys import kind_of, unknown_keys
from lgtrio.webhooks.policy import UrlPolicy

Mistake = Callable[[Sequence[str], str], None]
"""Takes the place of a mistake and a sentence about it."""

_KEYS: Final = frozenset({"env_prefix", "url", "headers"})
_URL_KEYS: Final = frozenset(each.name for each in fields(UrlPolicy))
_TEMPLATE: Final = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@frozen
class WebhooksConfig:
    url: UrlPolicy = field(factory=UrlPolicy)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Sent with each call; `${{ env.NAME }}` in a value stands for that variable."""
    env_prefix: str = "LG_WEBHOOK_"
    """How the names of such variables must begin, so that no other secret gets out."""

    def resolved_headers(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The headers as they are sent.

        Raises:
            SettingsError: a variable has another prefix, is not set, or does not fit in a header.
        """
        return {name: self._resolved(name, text, environ) for name, text in self.headers.items()}

    def _resolved(self, header: str, text: str, environ: Mapping[str, str]) -> str:
        place = f"`webhooks.headers.{header}` of langgraph.json"

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if not name.startswith(self.env_prefix):
                raise SettingsError(
                    f"{place} asks for the variable {name}, whose name does not begin with"
                    f" {self.env_prefix} (`webhooks.env_prefix`)."
                )
            if name not in environ:
                raise SettingsError(f"{place} asks for the variable {name}, which is not set.")
            return environ[name]

        resolved = _TEMPLATE.sub(value, text)
        if not resolved.isascii() or not resolved.isprintable():
            raise SettingsError(f"{place} must consist of printable ASCII characters.")
        return resolved


def read_webhooks(data: Any, mistake: Mistake) -> WebhooksConfig:
    """The section as checked values; what is wrong in it is reported and left out."""
    section = _object(data, ("webhooks",), mistake)
    default = WebhooksConfig()
    prefix = section.get("env_prefix", default.env_prefix)
    if not isinstance(prefix, str) or not prefix:
        mistake(
            ("webhooks", "env_prefix"), "`webhooks.env_prefix` must be a text that is not empty"
        )
        prefix = default.env_prefix
    return WebhooksConfig(
        _policy(_object(section.get("url"), ("webhooks", "url"), mistake), mistake),
        _headers(_object(section.get("headers"), ("webhooks", "headers"), mistake), mistake),
        prefix,
    )


def webhooks_warnings(data: Any) -> Iterator[str]:
    """Sentences that name the keys of the section that nobody knows."""
    if not isinstance(data, dict):
        return
    yield from unknown_keys(set(data) - _KEYS, "`webhooks` of langgraph.json")
    if isinstance(data.get("url"), dict):
        yield from unknown_keys(set(data["url"]) - _URL_KEYS, "`webhooks.url` of langgraph.json")


def _object(data: Any, where: Sequence[str], mistake: Mistake) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        mistake(where, f"`{'.'.join(where)}` must be an object, not {kind_of(data)}")
        return {}
    return {key: value for key, value in data.items() if value is not None}


def _headers(data: Mapping[str, Any], mistake: Mistake) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for name, value in data.items():
        if not _HEADER_NAME.fullmatch(name) or not isinstance(value, str):
            sentence = f"`webhooks.headers.{name}` must be a header's name and its text"
            mistake(("webhooks", "headers", name), sentence)
        else:
            headers[name] = value
    return headers


def _policy(data: Mapping[str, Any], mistake: Mistake) -> UrlPolicy:
    given: dict[str, Any] = {}
    for name, (fits, wanted) in _URL_VALUES.items():
        if name not in data:
            continue
        if fits(data[name]):
            given[name] = data[name]
        else:
            mistake(("webhooks", "url", name), f"`webhooks.url.{name}` must be {wanted}")
    return UrlPolicy(**given)


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _are_domains(value: Any) -> bool:
    return type(value) is list and all(type(each) is str and each for each in value)


def _are_ports(value: Any) -> bool:
    return type(value) is list and all(type(each) is int and 0 < each < 65536 for each in value)


def _is_length(value: Any) -> bool:
    return type(value) is int and value > 0


_URL_VALUES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "require_https": (_is_boolean, "true or false"),
    "allowed_domains": (_are_domains, 'a list of names, such as ["example.com", "*.example.com"]'),
    "allowed_ports": (_are_ports, "a list of port numbers"),
    "max_url_length": (_is_length, "a number above 0"),
    "disable_loopback": (_is_boolean, "true or false"),
}
