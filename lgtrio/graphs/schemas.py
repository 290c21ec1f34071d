"""What a graph takes and gives, as JSON schemas.

pydantic makes them, and refuses a whole schema for one part that it cannot describe: a class of
the user's own, or, before Python 3.12, `typing.TypedDict`. Then the schema is put together field by
field, and such a field says nothing but its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, Required, get_args, get_origin, get_type_hints

import structlog
from attrs import frozen
from langgraph.channels.base import BaseChannel
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind
from typing_extensions import ReadOnly, is_typeddict

log = structlog.get_logger(__name__)

Schema = dict[str, Any]
Graph = Pregel[Any, Any, Any, Any]
Channels = str | Sequence[str]

_MODE: Final[JsonSchemaMode] = "validation"


def schemas(graph: Graph, name: str) -> dict[str, Schema | None]:
    """The schemas of `GraphDescriptions.schemas`, by name.

    Args:
        name: what the titles of input, output and state begin with.
    """
    builder = graph.builder if isinstance(graph, CompiledStateGraph) else None
    if builder is not None:
        taken, given = _of_type(builder.input_schema), _of_type(builder.output_schema)
    else:
        taken = _of_channels(graph, graph.input_channels, "UpdateType")
        given = _of_channels(graph, graph.output_channels, "ValueType")
    state = _of_channels(graph, graph.stream_channels_asis, "ValueType")
    context = None if graph.context_schema is None else _of_type(graph.context_schema)
    return {
        "input_schema": {**taken, "title": f"{name}_input"},
        "output_schema": {**given, "title": f"{name}_output"},
        "state_schema": {**state, "title": f"{name}_state"},
        "config_schema": context or {},
        "context_schema": context,
    }


def _of_channels(graph: Graph, channels: Channels, side: str) -> Schema:
    """Of the value of one channel, or of an object with a value for each.

    Args:
        side: `UpdateType` for what is written into them, `ValueType` for what is read.
    """
    if isinstance(channels, str):
        return _of_type(getattr(graph.channels[channels], side))
    found = {name: graph.channels[name] for name in channels}
    return _of_fields(
        _Fields(
            {
                name: getattr(channel, side)
                for name, channel in found.items()
                if isinstance(channel, BaseChannel)
            }
        )
    )


def _of_type(kind: Any) -> Schema:
    try:
        return _adapter(kind).json_schema(mode=_MODE, schema_generator=_Quiet)
    except Exception as error:  # pydantic's refusals, and what hooks of the user's types raise
        log.debug("a type has no schema as a whole", type=repr(kind), error=type(error).__name__)
    fields = _fields(kind)
    return {} if fields is None else {**_of_fields(fields), "title": kind.__name__}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class _Quiet(GenerateJsonSchema):
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - pydantic's own way
        "skipped-choice",
        "non-serializable-default",
    }


# -- field by field ------------------------------------------------------------------------


@frozen
class _Fields:
    types: Mapping[str, Any]
    required: Sequence[str] = ()


def _fields(kind: Any) -> _Fields | None:
    """None if it is no class with fields."""
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            models = kind.model_fields
            return _Fields(
                {name: each.annotation for name, each in models.items()},
                [name for name, each in models.items() if each.is_required()],
            )
        if is_typeddict(kind):
            hints = get_type_hints(kind, include_extras=True)
            required = sorted(kind.__required_keys__)
            return _Fields({name: _bare(each) for name, each in hints.items()}, required)
        if dataclasses.is_dataclass(kind):
            hints = get_type_hints(kind, include_extras=True)
            given = dataclasses.fields(kind)
            return _Fields(
                {each.name: hints[each.name] for each in given},
                [each.name for each in given if _has_no_default(each)],
            )
    except Exception as error:  # a name in an annotation that is imported for type checkers only
        log.debug("a type's fields have no types", type=repr(kind), error=type(error).__name__)
    return None


def _bare(hint: Any) -> Any:
    """A key's type without what only says whether the key must be there."""
    while get_origin(hint) in (Required, NotRequired, ReadOnly):
        [hint] = get_args(hint)
    return hint


def _has_no_default(each: dataclasses.Field[Any]) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _of_fields(fields: _Fields) -> Schema:
    """An object; fields that cannot be described may have any value."""
    adapters = {name: _described(kind) for name, kind in fields.types.items()}
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (name, _MODE, each) for name, each in adapters.items() if each is not None
    ]
    # All at once: so two types of one name get two definitions.
    made, shared = TypeAdapter.json_schemas(inputs, schema_generator=_Quiet)
    properties = {
        name: {} if each is None else made[name, _MODE] for name, each in adapters.items()
    }
    schema: Schema = {
        "type": "object",
        "properties": {name: {"title": _title(name), **each} for name, each in properties.items()},
    }
    if fields.required:
        schema["required"] = [name for name in fields.types if name in fields.required]
    return {**schema, **shared}


def _described(kind: Any) -> TypeAdapter[Any] | None:
    try:
        adapter = _adapter(kind)
        adapter.json_schema(mode=_MODE, schema_generator=_Quiet)
    except Exception as error:  # as in `_of_type`
        log.debug("a field has no schema", type=repr(kind), error=type(error).__name__)
        return None
    return adapter


def _title(name: str) -> str:
    return name.replace("_", " ").title()
