"""Routes of assistants, and of what their graphs look like."""

from __future__ import annotations

from collections.abc import Iterator

from lgtrio.api.assistants import AssistantRoutes
from lgtrio.api.descriptions import DescriptionRoutes
from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.services import Services
from lgtrio.api.table.shared import PAGE_HEADERS
from lgtrio.wire.answers import Assistant, AssistantVersion, Drawing, GraphSchemas, SubgraphSchemas
from lgtrio.wire.assistants import (
    AssistantCount,
    AssistantCreate,
    AssistantPatch,
    AssistantSearch,
    LatestVersion,
    VersionSearch,
)


def assistant_routes(services: Services) -> Iterator[Route]:
    assistants = AssistantRoutes(services)
    return under(
        "Assistants",
        Route(
            "POST",
            "/assistants",
            assistants.create,
            "Create an assistant",
            "The assistant",
            body=AssistantCreate,
            gives=Assistant,
            refusals=(400, 404, 409),
        ),
        Route(
            "POST",
            "/assistants/search",
            assistants.search,
            "Search assistants",
            "Assistants; how many there are in all is in `X-Pagination-Total`",
            body=AssistantSearch,
            gives=list[Assistant],
            selects=True,
            headers=PAGE_HEADERS,
            refusals=(404,),
        ),
        Route(
            "POST",
            "/assistants/count",
            assistants.count,
            "Count assistants",
            "A number",
            body=AssistantCount,
            gives=int,
            refusals=(404,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>",
            assistants.get,
            "Get an assistant",
            "The assistant",
            gives=Assistant,
        ),
        Route(
            "PATCH",
            "/assistants/<assistant_id>",
            assistants.patch,
            "Make a new version of an assistant",
            "The assistant",
            body=AssistantPatch,
            gives=Assistant,
            refusals=(400,),
        ),
        Route(
            "DELETE",
            "/assistants/<assistant_id>",
            assistants.delete,
            "Delete an assistant with all its versions",
            "It is gone",
            Content.NOTHING,
            empty_status=204,
            parameters=(Parameter("delete_threads", bool, "And the threads that it ran on."),),
        ),
        Route(
            "POST",
            "/assistants/<assistant_id>/versions",
            assistants.versions,
            "List the versions of an assistant",
            "Versions, newest first",
            body=VersionSearch,
            gives=list[AssistantVersion],
        ),
        Route(
            "POST",
            "/assistants/<assistant_id>/latest",
            assistants.set_latest,
            "Make a version the active one",
            "The assistant",
            body=LatestVersion,
            gives=Assistant,
        ),
    )


def description_routes(services: Services) -> Iterator[Route]:
    descriptions = DescriptionRoutes(services)
    recurse = Parameter("recurse", bool, "With those inside of subgraphs.")
    schemas = "Schemas by namespace"
    return under(
        "Assistants",
        Route(
            "GET",
            "/assistants/<assistant_id>/graph",
            descriptions.graph,
            "Draw the graph of an assistant, or the graph of this name",
            "Nodes and edges",
            parameters=(
                Parameter(
                    "xray",
                    {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 1}]},
                    "Down to which level the nodes of subgraphs are shown; true for all.",
                ),
            ),
            gives=Drawing,
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/schemas",
            descriptions.schemas,
            "What the graph of an assistant takes and gives",
            "JSON schemas",
            gives=GraphSchemas,
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/subgraphs",
            descriptions.subgraphs,
            "What the subgraphs take and give",
            schemas,
            parameters=(recurse,),
            gives=dict[str, SubgraphSchemas],
            refusals=(400,),
        ),
        Route(
            "GET",
            "/assistants/<assistant_id>/subgraphs/<path:namespace>",
            descriptions.subgraphs,
            "What one subgraph takes and gives",
            schemas,
            parameters=(recurse,),
            gives=dict[str, SubgraphSchemas],
            refusals=(400,),
        ),
    )
