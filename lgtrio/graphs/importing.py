"""Imports the user's modules by file, under the name that they have for one another.

A graph file is imported by its dotted name wherever that name leads to this very file: then
relative imports work, and `from agent import model` elsewhere meets the same module, not a
second copy. Where the name leads elsewhere (a file called like an installed package or a
standard module) the file gets a private name, always the same one.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

_PRIVATE: Final = "_lgtrio_"
"""What the private names of modules begin with."""
_OWN: Final = "lgtrio"
_DEMO: Final = "lgtrio.demo"


def extend_sys_path(folders: Iterable[str]) -> None:
    """Put the folders in front of `sys.path`, the first one foremost, where they are missing."""
    missing = [folder for folder in folders if folder not in sys.path]
    sys.path[:0] = missing


def import_file(file: Path) -> ModuleType:
    """
    Args:
        file: absolute and resolved.

    Raises:
        BaseException: whatever the module raises, `SystemExit` included.
    """
    importlib.invalidate_caches()  # the file may be younger than the finder's listing
    for name in _names(file):
        if _leads_to(name, file):
            module = importlib.import_module(name)
            if _is_from(module, file):
                return module
    return _import_privately(file)


def forget_modules(folders: Iterable[str]) -> Sequence[str]:
    """Have the user's modules imported anew by whoever imports them next.

    Those who have imported them before keep the objects that they have.

    Args:
        folders: where the user's modules are; what is installed in an environment inside of one
            of them is not the user's.

    Returns:
        The names of the modules that were forgotten.
    """
    roots = [Path(folder).resolve() for folder in folders]
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    names = [name for name, module in list(sys.modules.items()) if _is_users(name, module)]
    gone = [name for name in names if _is_below(sys.modules[name], roots, installed)]
    for name in gone:
        del sys.modules[name]
    return gone


def _is_users(name: str, module: ModuleType) -> bool:
    if name == "__main__" or getattr(module, "__file__", None) is None:
        return False
    top = name.partition(".")[0]
    return top != _OWN or name == _DEMO or name.startswith(_DEMO + ".")


def _is_below(module: ModuleType, roots: Sequence[Path], installed: set[Path]) -> bool:
    above = set(Path(str(module.__file__)).resolve().parents)
    if "site-packages" in str(module.__file__):  # an environment that is not this one
        return False
    below = [root for root in roots if root in above]
    # An environment may be inside of a project, and a project inside of an environment's prefix.
    return any(not (above & {each for each in installed if root in each.parents}) for root in below)


def _names(file: Path) -> Iterator[str]:
    """Dotted names the file could have: as part of its package, else below `sys.path`."""
    top = file.parent
    while (top / "__init__.py").is_file() and top.parent != top:
        top = top.parent
    if top != file.parent:
        if str(top) not in sys.path:
            sys.path.append(str(top))  # last: it must not hide anything else
        roots = [top]
    else:
        entries = {Path(entry or ".").resolve() for entry in sys.path}
        # the longest first: `agent` with src on the path, rather than `src.agent`
        roots = sorted(entries & set(file.parents), key=lambda each: -len(each.parts))
    for root in roots:
        parts = file.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and all(part.isidentifier() for part in parts):
            yield ".".join(parts)


def _leads_to(name: str, file: Path) -> bool:
    """Whether importing `name` would give this file; found out without importing anything."""
    if name in sys.modules:
        return _is_from(sys.modules[name], file)
    first, *rest = name.split(".")
    if first in sys.stdlib_module_names:
        return False
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # ValueError: in sys.modules without a spec
        return False
    if spec is None:
        return False
    if not rest:
        return _same(spec.origin, file)
    return any(
        Path(folder).joinpath(*rest[:-1]).resolve() in {file.parent, file.parent.parent}
        for folder in spec.submodule_search_locations or ()
    )


def _is_from(module: ModuleType, file: Path) -> bool:
    return _same(getattr(module, "__file__", None), file)


def _same(path: str | None, file: Path) -> bool:
    return path is not None and Path(path).resolve() == file


def _import_privately(file: Path) -> ModuleType:
    name = _PRIVATE + re.sub(r"\W", "_", str(file.with_suffix("")))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # as the import statement does: no half-made module stays behind
        raise
    return module
