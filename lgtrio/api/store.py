"""The store: items under namespaces, which runs share."""

from __future__ import annotations

from attrs import frozen
from quart import request
from quart.wrappers import Response

from lgtrio.api.answers import empty, json_answer
from lgtrio.api.asking import body_of, query
from lgtrio.errors import BadRequest, InvalidRequest
from lgtrio.runs.item_store import ItemStore
from lgtrio.wire.store import (
    ItemDelete,
    ItemPut,
    ItemSearch,
    NamespaceSearch,
    parse_namespace,
    render_found,
    render_item,
    render_namespaces,
)


@frozen
class StoreRoutes:
    items: ItemStore

    async def put(self) -> Response:
        body = await body_of(ItemPut)
        await self.items.put(
            body.namespace, body.key, body.value, index=body.paths, ttl_minutes=body.ttl
        )
        return empty(204)

    async def get(self) -> Response:
        key = request.args.get("key")
        if key is None:  # an empty one is a key like any other
            raise BadRequest("Key is required")
        asked = query()
        namespace = asked.last("namespace")
        if namespace is None:
            raise InvalidRequest("`namespace` is required: its labels, joined by periods")
        refresh = asked.boolean("refresh_ttl") if asked.last("refresh_ttl") else None
        found = await self.items.get(parse_namespace(namespace), key, refresh_ttl=refresh)
        return json_answer(render_item(found))

    async def delete(self) -> Response:
        body = await body_of(ItemDelete)
        await self.items.delete(body.namespace, body.key)
        return empty(204)

    async def search(self) -> Response:
        body = await body_of(ItemSearch)
        found = await self.items.search(
            body.namespace_prefix,
            filter=body.filter,
            query=body.query,
            limit=body.limit,
            offset=body.offset,
            refresh_ttl=body.refresh_ttl,
        )
        return json_answer(render_found(found))

    async def namespaces(self) -> Response:
        body = await body_of(NamespaceSearch)
        found = await self.items.namespaces(
            prefix=body.prefix,
            suffix=body.suffix,
            max_depth=body.max_depth,
            limit=body.limit,
            offset=body.offset,
        )
        return json_answer(render_namespaces(found))
