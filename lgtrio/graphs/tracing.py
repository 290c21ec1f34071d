"""Traces of runs, which LangChain sends to LangSmith where the environment says so."""

from __future__ import annotations

from langchain_core.callbacks import BaseCallbackHandler

from lgtrio.wire.kwargs import RunKwargs


def own_tracer(kwargs: RunKwargs) -> list[BaseCallbackHandler]:
    """The tracer of a run whose client says what its trace belongs to, to be used instead of the
    one that LangChain would make. None where the server does not trace: a client has no say in
    that."""
    given = kwargs.langsmith_tracer
    if given is None:
        return []
    # Here, so that servers start fast without: most never trace.
    from langchain_core.tracers import LangChainTracer
    from langsmith.utils import tracing_is_enabled

    if not tracing_is_enabled():
        return []
    return [LangChainTracer(given["example_id"], given["project_name"])]
