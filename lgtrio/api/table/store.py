"""Routes of the store."""

from __future__ import annotations

from collections.abc import Iterator

from lgtrio.api.routes import Content, Parameter, Route, under
from lgtrio.api.services import Services
from lgtrio.api.store import StoreRoutes
from lgtrio.wire.answers import FoundItems, Item, Namespaces
from lgtrio.wire.store import ItemDelete, ItemPut, ItemSearch, NamespaceSearch


def store_routes(services: Services) -> Iterator[Route]:
    store = StoreRoutes(services.items)
    return under(
        "Store",
        Route(
            "PUT",
            "/store/items",
            store.put,
            "Store an item, in place of one that is there",
            "It is stored",
            Content.NOTHING,
            empty_status=204,
            body=ItemPut,
            refusals=(400, 502),
        ),
        Route(
            "GET",
            "/store/items",
            store.get,
            "Get an item",
            "The item, or null",
            parameters=(
                Parameter("namespace", str, "Its labels, joined by periods.", required=True),
                Parameter("key", str, "Its key.", required=True),
                Parameter("refresh_ttl", bool, "Whether its time to live begins anew."),
            ),
            gives=Item | None,
            refusals=(400,),
        ),
        Route(
            "DELETE",
            "/store/items",
            store.delete,
            "Delete an item",
            "There is none of that key",
            Content.NOTHING,
            empty_status=204,
            body=ItemDelete,
        ),
        Route(
            "POST",
            "/store/items/search",
            store.search,
            "Search items, by their values or by meaning",
            "`items`: the nearest to the query first, then in the order of their first put",
            body=ItemSearch,
            gives=FoundItems,
            refusals=(400, 502),
        ),
        Route(
            "POST",
            "/store/namespaces",
            store.namespaces,
            "List namespaces that have items",
            "`namespaces`, sorted",
            body=NamespaceSearch,
            gives=Namespaces,
        ),
    )
