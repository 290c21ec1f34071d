"""langgraph.json: which graphs there are, where their code is, which environment they want.

Reading it imports nothing and changes nothing; `LanggraphConfig.apply_env` and the loader do.
The format is the one of the LangGraph command line tool. Keys of it that lgtrio does not have
are ignored with a warning when that is harmless, and refused when it is not.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen
from dotenv import dotenv_values
from dotenv.parser import parse_stream

from lgtrio.errors import SettingsError
from lgtrio.json_lines import JsonLines, json_lines
from lgtrio.langgraph_cors import cors_warnings, read_cors
from lgtrio.langgraph_keys import key_mistakes, key_warnings, kind_of, unknown_keys
from lgtrio.langgraph_store import StoreConfig, read_store, store_warnings
from lgtrio.langgraph_ttl import ThreadLifetimes, read_lifetimes
from lgtrio.langgraph_webhooks import WebhooksConfig, read_webhooks, webhooks_warnings
from lgtrio.problems import Problem
from lgtrio.settings_kinds import home_expanded
from lgtrio.wire.cors import CorsPolicy

_JAVASCRIPT: Final = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_PACKAGE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@frozen
class GraphSpec:
    """One entry of `graphs`."""

    graph_id: str
    file: Path | None
    """Absolute path of the Python file; None if the graph is named by its module."""
    module: str | None
    """Dotted module name; None if the graph is named by its file."""
    variable: str
    description: str | None
    declared: Problem
    """Where it is declared in langgraph.json; its message is the entry as written."""


@frozen
class LanggraphConfig:
    """A langgraph.json, checked as far as that goes without importing anything."""

    path: Path
    """Absolute path of the file."""
    graphs: Mapping[str, GraphSpec]
    """Graph id to its spec, in the order of the file; never empty unless there are problems."""
    dependencies: Sequence[Path] = ()
    """Absolute paths of the folders that go on `sys.path`."""
    env: Mapping[str, str] = field(factory=dict, repr=False)
    """Environment variables; not shown in logs, they hold keys."""
    threads: ThreadLifetimes = field(factory=ThreadLifetimes)
    """How long they are kept."""
    webhooks: WebhooksConfig = field(factory=WebhooksConfig)
    store: StoreConfig = field(factory=StoreConfig)
    cors: CorsPolicy = field(factory=CorsPolicy.open_to_all)
    warnings: Sequence[str] = ()
    """Sentences for the log."""

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def search_path(self) -> Sequence[str]:
        """Folders that imports of the graphs may count on, the most important first."""
        folders = dict.fromkeys([self.folder, *self.dependencies])
        sources = [each / "src" for each in folders if _has_src_layout(each)]
        return [str(each) for each in dict.fromkeys([*folders, *sources])]

    def apply_env(self, environ: MutableMapping[str, str]) -> None:
        """Set the variables of `env` that are not set yet: the caller's environment wins."""
        for name, value in self.env.items():
            environ.setdefault(name, value)


class LanggraphJsonError(SettingsError):
    """langgraph.json is wrong; `problems` has each mistake with its line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(each) for each in problems))
        self.problems = problems


def read_langgraph_json(path: Path) -> LanggraphConfig:
    """Read and check the file.

    Raises:
        LanggraphJsonError: with every mistake in it.
    """
    config, problems = examine_langgraph_json(path)
    if problems:
        raise LanggraphJsonError(problems)
    return config


def examine_langgraph_json(path: Path) -> tuple[LanggraphConfig, Sequence[Problem]]:
    """What can be used of the file, and every mistake in it."""
    path = path.absolute()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return LanggraphConfig(path, {}), [Problem(f"not UTF-8 text: {error.reason}", path)]
    except OSError as error:
        return LanggraphConfig(path, {}), [Problem(f"cannot be read: {error.strerror}", path)]
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        return LanggraphConfig(path, {}), [_json_problem(path, text, error)]
    reader = _Reader(path, json_lines(text))
    config = reader.config(data)
    return config, reader.problems


def _json_problem(path: Path, text: str, error: json.JSONDecodeError) -> Problem:
    message = f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    if text[error.pos :].lstrip().startswith(("//", "/*", "#")):
        message += "; langgraph.json is plain JSON, comments are not allowed in it"
    return Problem(message, path, error.lineno)


@define
class _Reader:
    """Walks the parsed file, collecting problems and warnings instead of stopping at one."""

    path: Path
    places: JsonLines
    problems: list[Problem] = field(factory=list)
    warnings: list[str] = field(factory=list)

    def config(self, data: Any) -> LanggraphConfig:
        for where, line in self.places.duplicates:
            name = ".".join(map(str, where))
            self.problems.append(Problem(f"`{name}` is there twice", self.path, line))
        if not isinstance(data, dict):
            self._problem((), f"must be a JSON object, not {kind_of(data)}")
            return LanggraphConfig(self.path, {})
        data = {key: value for key, value in data.items() if value is not None}
        self._other_keys(data)
        return LanggraphConfig(
            self.path,
            graphs=self._graphs(data.get("graphs")),
            dependencies=self._dependencies(data.get("dependencies", [])),
            env=self._env(data.get("env", {})),
            store=self._store(data.get("store")),
            threads=read_lifetimes(data, self._problem),
            webhooks=read_webhooks(data.get("webhooks"), self._problem),
            cors=read_cors(data, self._problem),
            warnings=self.warnings,
        )

    def _problem(self, where: Sequence[str | int], message: str) -> None:
        self.problems.append(Problem(message, self.path, self.places.lines.get(tuple(where))))

    # -- graphs ------------------------------------------------------------------------
    def _graphs(self, data: Any) -> dict[str, GraphSpec]:
        example = '"graphs": {"agent": "./agent.py:graph"}'
        if not isinstance(data, dict):
            found = "is missing" if data is None else f"must be an object, not {kind_of(data)}"
            self._problem(("graphs",), f"`graphs` {found}; for example {example}")
            return {}
        if not data:
            self._problem(("graphs",), f"`graphs` names no graph; for example {example}")
        specs = {graph_id: self._graph(graph_id, entry) for graph_id, entry in data.items()}
        return {graph_id: spec for graph_id, spec in specs.items() if spec is not None}

    def _graph(self, graph_id: str, entry: Any) -> GraphSpec | None:
        where = ("graphs", graph_id)
        description = None
        if isinstance(entry, dict):
            self.warnings += unknown_keys(
                set(entry) - {"path", "description"}, f"`graphs.{graph_id}` of langgraph.json"
            )
            description = entry.get("description")
            entry = entry.get("path")
        if not graph_id.strip():
            self._problem(where, "a graph needs a name that is not empty")
        elif not isinstance(entry, str):
            self._problem(
                where,
                f'graph {graph_id!r} must be a "path.py:variable" or an object with such a "path"',
            )
        elif description is not None and not isinstance(description, str):
            self._problem(where, f"the description of graph {graph_id!r} must be a string")
        else:
            return self._target(graph_id, entry, description)
        return None

    def _target(self, graph_id: str, entry: str, description: str | None) -> GraphSpec | None:
        where = ("graphs", graph_id)
        target, colon, variable = entry.rpartition(":")
        if target.endswith(_JAVASCRIPT) or entry.endswith(_JAVASCRIPT):
            self._problem(
                where,
                f"graph {graph_id!r} ({entry}): JavaScript graphs are not"
                " supported, only Python ones",
            )
            return None
        if not colon or not target or not variable.isidentifier():
            self._problem(
                where,
                f"graph {graph_id!r} is {entry!r}; it must be a file or module, a"
                ' colon and the variable in it, such as "./agent.py:graph"',
            )
            return None
        is_file = target.endswith(".py") or "/" in target or "\\" in target
        return GraphSpec(
            graph_id,
            file=(self.path.parent / target).resolve() if is_file else None,
            module=None if is_file else target,
            variable=variable,
            description=description,
            declared=Problem(entry, self.path, self.places.lines.get(where)),
        )

    def _store(self, data: Any) -> StoreConfig:
        if not isinstance(data, dict):  # told already if it is there
            return StoreConfig()
        self.warnings += store_warnings(data)
        return read_store(data, self.path.parent, self._problem)

    # -- dependencies ------------------------------------------------------------------
    def _dependencies(self, data: Any) -> list[Path]:
        if not isinstance(data, list):
            self._problem(("dependencies",), f"`dependencies` must be a list, not {kind_of(data)}")
            return []
        found = [self._dependency(index, entry) for index, entry in enumerate(data)]
        return [folder for folder in found if folder is not None]

    def _dependency(self, index: int, entry: Any) -> Path | None:
        where = ("dependencies", index)
        if not isinstance(entry, str) or not entry.strip():
            self._problem(where, f"a dependency must be a folder or a package, not {entry!r}")
            return None
        if not (entry.startswith((".", "/", "~")) or Path(entry).is_absolute()):
            self._note_package(entry)
            return None
        folder = (self.path.parent / home_expanded(entry)).resolve()
        if not folder.is_dir():
            self._problem(where, f"the dependency {entry!r} is not a folder")
            return None
        return folder

    def _note_package(self, entry: str) -> None:
        """lgtrio installs nothing; a package that is missing may still come from elsewhere."""
        found = _PACKAGE_NAME.match(entry)
        try:
            importlib.metadata.distribution(found.group() if found else entry)
        except importlib.metadata.PackageNotFoundError:
            self.warnings.append(
                f"The dependency {entry!r} of langgraph.json is not installed here;"
                " lgtrio installs nothing, use pip for that."
            )

    # -- env ---------------------------------------------------------------------------
    def _env(self, data: Any) -> dict[str, str]:
        if isinstance(data, str):
            return self._env_file(self.path.parent / home_expanded(data)) if data else {}
        if not isinstance(data, dict):
            self._problem(
                ("env",),
                "`env` must be an object of variables or the path of a .env"
                f" file, not {kind_of(data)}",
            )
            return {}
        return {name: str(value) for name, value in data.items() if self._is_variable(name, value)}

    def _is_variable(self, name: str, value: Any) -> bool:
        """Numbers are taken as their text: `"TIMEOUT": 60` is clear enough."""
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return True
        self._problem(("env", name), f"`env.{name}` must be a string, not {kind_of(value)}")
        return False

    def _env_file(self, file: Path) -> dict[str, str]:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            self._problem(("env",), f"the `env` file {file} cannot be read: {reason}")
            return {}
        for binding in parse_stream(io.StringIO(text)):
            if binding.error:
                message = "not a line of the form NAME=value"
                self.problems.append(Problem(message, file, binding.original.line))
                return {}
        values = dotenv_values(stream=io.StringIO(text))
        return {name: value for name, value in values.items() if value is not None}

    # -- everything else ---------------------------------------------------------------
    def _other_keys(self, data: dict[str, Any]) -> None:
        for path, message in key_mistakes(data):
            self._problem(path, message)
        self.warnings += key_warnings(data)
        self.warnings += webhooks_warnings(data.get("webhooks"))
        self.warnings += cors_warnings(data)


def _has_src_layout(folder: Path) -> bool:
    """An installable project that keeps its packages in `src`, as pip would find them."""
    is_project = (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file()
    source = folder / "src"
    return is_project and source.is_dir() and not (source / "__init__.py").exists()
