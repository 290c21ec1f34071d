"""The `command` of a run: resume, update, goto."""

from __future__ import annotations

from typing import Any, Final, NewType

from lgtrio.wire.converter import CONVERTER, JSON_FORMS, WrongValue

Command = NewType("Command", dict[str, Any])
"""As sent, reduced to the known keys; `resume: null` is kept: it resumes with null."""

_KNOWN: Final = ("resume", "update", "goto")
_NOTHING: Final[dict[str, tuple[Any, ...]]] = {"update": (None, {}, []), "goto": (None, [])}
"""Clients send these for what their users left out."""


def _take_command(value: Any, _type: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise WrongValue("an object", value)
    if value.get("graph") is not None:
        raise WrongValue("without `graph`: a run has no parent graph", value)
    command = {name: value[name] for name in _KNOWN if name in value}
    for name, nothing in _NOTHING.items():
        if name in command and command[name] in nothing:
            del command[name]
    if not command:
        raise WrongValue("an object with some of 'resume', 'update', 'goto'", value)
    if "update" in command and not _is_update(command["update"]):
        raise WrongValue("with an `update` that is an object or a list of [key, value]", value)
    if "goto" in command and not _is_goto(command["goto"]):
        raise WrongValue(
            "with a `goto` that is a node's name, {'node', 'input'} or a list of these", value
        )
    return command


def _is_update(update: Any) -> bool:
    if type(update) is list:
        return all(
            type(pair) is list and len(pair) == 2 and type(pair[0]) is str for pair in update
        )
    return type(update) is dict


def _is_goto(goto: Any) -> bool:
    targets = goto if type(goto) is list else [goto]
    nodes = [target.get("node") if type(target) is dict else target for target in targets]
    return all(type(node) is str and node for node in nodes)


CONVERTER.register_structure_hook(Command, _take_command)

_NODE: Final = {"type": "string", "minLength": 1}
_TARGET: Final = {
    "anyOf": [
        _NODE,
        {
            "type": "object",
            "properties": {"node": _NODE, "input": {}},
            "required": ["node"],
        },
    ]
}
_NULL: Final = {"type": "null"}
_PAIR: Final = {
    "type": "array",
    "prefixItems": [{"type": "string"}, {}],
    "minItems": 2,
    "maxItems": 2,
}
JSON_FORMS[Command] = {
    "type": "object",
    "properties": {
        "resume": {},
        "update": {"anyOf": [{"type": "object"}, {"type": "array", "items": _PAIR}, _NULL]},
        "goto": {"anyOf": [_TARGET, {"type": "array", "items": _TARGET}, _NULL]},
    },
    "anyOf": [{"required": [name]} for name in _KNOWN],
}
