"""What was probably meant, and where it stands: hints for a graph that could not be found."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType
from typing import Final

from lgtrio.graphs.factories import as_graph

_MOST_CANDIDATES: Final = 5


def candidates(module: ModuleType) -> str:
    """Which names were probably meant."""
    graphs = [name for name, value in vars(module).items() if _looks_like_graph(name, value)]
    return f"; graphs in it: {', '.join(graphs[:_MOST_CANDIDATES])}" if graphs else ""


def _looks_like_graph(name: str, value: object) -> bool:
    if name.startswith("_") or isinstance(value, type):
        return False
    try:
        as_graph(value)
    except Exception:  # compiling runs checks of LangGraph's; here it is only a guess
        return False
    return True


def line_of(file: Path, variable: str) -> int | None:
    """The last line at which the module makes the variable, None if it does not itself."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return max((node.lineno for node in tree.body if _makes(node, variable)), default=None)


def _makes(node: ast.stmt, variable: str) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name == variable
        case ast.Import() | ast.ImportFrom():
            return any((each.asname or each.name) == variable for each in node.names)
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (each for target in targets for each in ast.walk(target))
            return any(isinstance(each, ast.Name) and each.id == variable for each in names)
        case _:
            return False
