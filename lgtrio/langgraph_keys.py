"""The keys of langgraph.json that lgtrio does not use: which are ignored, which are refused.

The format is the one of the LangGraph command line tool. What is not built here is ignored with a
warning when that is harmless, and refused when it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

KeyPath = tuple[str, ...]
"""`("http", "app")` is the key `app` inside the object `http`."""

_USED: Final = frozenset(
    {
        ("$schema",),
        ("graphs",),
        ("dependencies",),
        ("env",),
        ("webhooks",),
        ("checkpointer", "ttl"),
        ("http", "cors"),
        ("store", "index"),
        ("store", "ttl"),
    }
)

_BUILD_ONLY: Final = frozenset(
    {
        "python_version",
        "node_version",
        "api_version",
        "base_image",
        "image_distro",
        "internal_docker_tag",
        "pip_config_file",
        "pip_installer",
        "dockerfile_lines",
        "keep_pkg_tools",
        "source",
    }
)
"""They describe a container image; a running server has no use for them."""

_LATER: Final = frozenset(
    {
        ("ui",),
        ("ui_config",),
        ("checkpointer", "serde"),
        ("http", "configurable_headers"),
        ("http", "logging_headers"),
        ("http", "middleware_order"),
        ("http", "enable_custom_route_auth"),
    }
)
"""Not built yet; without them the server does less, and nothing it should not."""

_REFUSED: Final[Mapping[tuple[str, ...], str]] = {
    ("auth",): "the API would be open to everybody who reaches it",
    ("encryption",): "data would be stored unencrypted",
    ("http", "app"): "your routes and middleware would be missing",
    ("http", "mount_prefix"): "the API would be at other addresses than asked for",
    ("store", "path"): "items would be kept in another store than asked for",
    ("checkpointer", "path"): "checkpoints would be kept elsewhere than asked for",
}
"""Not built yet, with what would happen if they were silently ignored."""

_SECTIONS: Final = frozenset({path[0] for path in (*_LATER, *_REFUSED) if len(path) > 1})


def key_mistakes(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Each key that cannot be ignored, with a sentence."""
    for key in sorted(_SECTIONS & set(data)):
        if not isinstance(data[key], dict):
            yield (key,), f"`{key}` must be an object, not {kind_of(data[key])}"
    for path, value in _unused(data):
        danger = _danger(path, value)
        if danger is not None:
            name = ".".join(path)
            yield (
                path,
                f"`{name}` is not supported yet, and ignoring it would be dangerous: {danger}."
                " Remove it to start all the same",
            )


def key_warnings(data: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that name the keys that are ignored."""
    paths = [path for path, _ in _unused(data)]
    build = [path for path in paths if path[0] in _BUILD_ONLY]
    later = [path for path in paths if path in _LATER]
    if build:
        yield "Only for building images, ignored: " + _names(build)
    if later:
        yield "Not supported yet, ignored: " + _names(later)
    unknown = {".".join(path) for path in paths if not _is_known(path)}
    yield from unknown_keys(unknown, "langgraph.json")


def unknown_keys(names: set[str], place: str) -> Iterator[str]:
    """A sentence that names them; nothing if there are none."""
    if names:
        yield f"Unknown keys in {place}, ignored: " + ", ".join(sorted(names))


def kind_of(value: Any) -> str:
    """What a JSON value is, with its article."""
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "a number")


def _unused(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Keys, and keys inside the sections that we know, less those that lgtrio uses."""
    for key, value in data.items():
        if (key,) in _USED:
            continue
        yield (key,), value
        if key in _SECTIONS and isinstance(value, dict):
            paths = (((key, name), each) for name, each in value.items() if each is not None)
            yield from ((path, each) for path, each in paths if path not in _USED)


def _danger(path: KeyPath, value: Any) -> str | None:
    """What ignoring the key would do, None where that is harmless."""
    if _closes_routes(path):
        return "routes that should be closed would be open" if value is True else None
    return _REFUSED.get(path)


def _closes_routes(path: KeyPath) -> bool:
    return path[0] == "http" and path[-1].startswith("disable_")


def _is_known(path: KeyPath) -> bool:
    if path in _REFUSED or path in _LATER or _closes_routes(path):
        return True
    return path[0] in _BUILD_ONLY or (len(path) == 1 and path[0] in _SECTIONS)


def _names(paths: Iterable[KeyPath]) -> str:
    return ", ".join(sorted(".".join(path) for path in paths))
