"""Vectors for the store, made by what langgraph.json names as `store.index.embed`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen
from langchain_core.embeddings import Embeddings
from langgraph.store.base import ensure_embeddings, get_text_at_path

from lgtrio.graphs.importing import extend_sys_path, import_file
from lgtrio.graphs.loader import GraphsFailed
from lgtrio.graphs.tracebacks import user_place, user_traceback
from lgtrio.langgraph_json import LanggraphConfig
from lgtrio.langgraph_store import EmbedSpec, IndexSpec
from lgtrio.problems import Problem
from lgtrio.storage.sqlite.vectors import Vector, vector

_ON_ITS_LOOP: Final = (
    "`store.index.embed` is an async function, and a blocking call on its event loop would wait for"
    " itself; use the async methods of the store here, such as `await store.aput(...)`."
)


@frozen
class Embedded:
    """Vectors by the texts that they are made of."""

    documents: Mapping[str, Vector]
    queries: Mapping[str, Vector]


@frozen
class Embedder:
    """What langgraph.json names, imported."""

    embeddings: Embeddings
    is_async: bool
    """The embeddings have no blocking form."""


@define(eq=False)
class ItemIndex:
    """Makes vectors of the texts of items and of queries.

    Embeddings are called on one loop, whoever asks, since their clients are bound to it. Only the
    blocking `embed` calls those that are not async on its own thread. When the loop is replaced
    they are imported anew.

    What embeddings raise comes out as it is.
    """

    spec: IndexSpec
    embedder: Embedder
    loop: Callable[[], asyncio.AbstractEventLoop]
    _coming: Future[None] | None = field(default=None, init=False)
    """Resolved when the embedder for the loop that is there now is."""

    def expect_new(self) -> None:
        """The loop has been replaced: from now on its embedder is waited for."""
        if self._coming is None:
            self._coming = Future()

    def renew(self, embedder: Embedder | None) -> None:
        """
        Args:
            embedder: for the new loop; None to go on with the old one.
        """
        self.embedder = embedder or self.embedder
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.set_result(None)

    def texts(self, value: Mapping[str, Any], paths: Sequence[str] | None) -> list[str]:
        """The texts by which an item is found.

        Args:
            paths: in the value; None for those configured.
        """
        wanted = self.spec.fields if paths is None else paths
        return [text for path in wanted for text in get_text_at_path(dict(value), path)]

    async def aembed(self, documents: Sequence[str], queries: Sequence[str]) -> Embedded:
        """
        Raises:
            ValueError: the vectors are not as `store.index.dims` says.
        """
        if (coming := self._coming) is not None:
            await asyncio.shield(asyncio.wrap_future(coming))
        if asyncio.get_running_loop() is self.loop():
            return await self._embed_here(documents, queries)
        return await asyncio.wrap_future(self._embed_there(documents, queries))

    def embed(self, documents: Sequence[str], queries: Sequence[str]) -> Embedded:
        """`aembed`, blocking.

        Raises:
            ValueError: as there. RuntimeError: called on the loop that async embeddings need.
        """
        embeddings = self.embedder.embeddings
        if self.embedder.is_async:
            if _is_running(self.loop()):
                raise RuntimeError(_ON_ITS_LOOP)
            return self._embed_there(documents, queries).result()
        vectors = embeddings.embed_documents([*documents]) if documents else []
        nears = [embeddings.embed_query(text) for text in queries]
        return self._embedded(documents, vectors, queries, nears)

    async def _embed_here(self, documents: Sequence[str], queries: Sequence[str]) -> Embedded:
        embeddings = self.embedder.embeddings
        vectors = await embeddings.aembed_documents([*documents]) if documents else []
        nears = [await embeddings.aembed_query(text) for text in queries]
        return self._embedded(documents, vectors, queries, nears)

    def _embed_there(self, documents: Sequence[str], queries: Sequence[str]) -> Future[Embedded]:
        return asyncio.run_coroutine_threadsafe(self._embed_here(documents, queries), self.loop())

    def _embedded(
        self,
        documents: Sequence[str],
        vectors: Sequence[Sequence[float]],
        queries: Sequence[str],
        nears: Sequence[Sequence[float]],
    ) -> Embedded:
        if len(vectors) != len(documents):
            raise ValueError(
                f"`store.index.embed` made {len(vectors)} vectors of {len(documents)} texts"
            )
        return Embedded(
            dict(zip(documents, map(self._vector, vectors), strict=True)),
            dict(zip(queries, map(self._vector, nears), strict=True)),
        )

    def _vector(self, numbers: Sequence[float]) -> Vector:
        if len(numbers) != self.spec.dims:
            raise ValueError(
                f"`store.index.embed` made a vector of {len(numbers)} numbers, but"
                f" `store.index.dims` is {self.spec.dims}"
            )
        return vector(numbers)


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread is the loop's."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


# -- loading -------------------------------------------------------------------------------


async def load_index(
    config: LanggraphConfig, loop: Callable[[], asyncio.AbstractEventLoop]
) -> ItemIndex | None:
    """What the config asks for, imported; None if it asks for none.

    Args:
        loop: on which the embeddings are to be called; asked each time.

    Raises:
        GraphsFailed: what is named cannot be imported, or makes no vectors.
    """
    spec = config.store.index
    if spec is None:
        return None
    return ItemIndex(spec, await load_embedder(config, spec.embed), loop)


async def load_embedder(config: LanggraphConfig, spec: EmbedSpec) -> Embedder:
    """
    Raises:
        GraphsFailed: as `load_index`.
    """
    extend_sys_path(config.search_path)
    try:
        found = await asyncio.to_thread(_find, spec)
        return Embedder(ensure_embeddings(found), _is_async(found))
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise GraphsFailed([_problem(config, spec, error)]) from error


def _find(spec: EmbedSpec) -> Any:
    """The Python object, or the name of a model.

    Raises:
        BaseException: whatever the import raises. TypeError: it can embed nothing.
    """
    if spec.file is not None:
        module = import_file(spec.file)
    elif spec.module is not None:
        module = importlib.import_module(spec.module)
    else:
        return spec.name
    found = getattr(module, spec.variable)
    if not (isinstance(found, Embeddings) or callable(found)):
        raise TypeError(f"`{spec.variable}` is neither a function nor LangChain Embeddings")
    return found


def _is_async(found: Any) -> bool:
    if isinstance(found, str | Embeddings):
        return False
    return iscoroutinefunction(found) or iscoroutinefunction(type(found).__call__)


def _problem(config: LanggraphConfig, spec: EmbedSpec, error: BaseException) -> Problem:
    folders = [Path(each) for each in config.search_path]
    if spec.file is not None:
        folders.append(spec.file.parent)
    file, line = user_place(error, folders) or (config.path, None)
    message = f"`store.index.embed` {spec.name!r}: {type(error).__name__}: {error}"
    shown = None if spec.is_model else user_traceback(error)
    return Problem(message, file, line, traceback=shown)
