"""Calls webhooks: one POST, to an address that was looked at before it is connected to."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Final

import trio
from attrs import define, field

from lgtrio.errors import InvalidRequest
from lgtrio.runs.webhooks import DeliveryFailed
from lgtrio.storage.interface import Json
from lgtrio.webhooks.policy import UrlPolicy, is_relative

ATTEMPT_SECONDS: Final = 10.0
"""For one attempt: resolving, connecting, sending, and the head of the answer."""


@define(eq=False)
class WebhookSender:
    """Implements `lgtrio.runs.webhooks.Poster` over HTTP.

    Proxies that the environment names are not used: they would choose the address.
    """

    policy: UrlPolicy
    headers: Mapping[str, str]
    """Sent with each call."""
    own_url: str
    """Where this server listens, for relative URLs."""
    _http: ModuleType | None = field(default=None, init=False)

    async def post(self, url: str, body: Json) -> None:
        """
        Raises:
            DeliveryFailed: no 2xx answer. The URL has to be allowed still: the policy may be
                another one than when the run was created.
        """
        try:
            self.policy.check(url)
        except InvalidRequest as error:
            raise DeliveryFailed(error.detail) from error
        relative = is_relative(url)
        http = await self._loaded()
        try:
            with trio.fail_after(ATTEMPT_SECONDS):
                status = await http.post(
                    self.own_url + url if relative else url,
                    body,
                    headers=self.headers,
                    trusts=_anywhere if relative else self.policy.trusts,
                )
        except trio.TooSlowError:
            raise DeliveryFailed(f"no answer within {ATTEMPT_SECONDS:g} s") from None
        if not 200 <= status < 300:
            raise DeliveryFailed(f"it answered with status {status}")

    async def _loaded(self) -> ModuleType:
        """The HTTP client takes long to import, and most servers never call a webhook."""
        if self._http is None:
            name = "lgtrio.webhooks.guarded_http"
            self._http = await trio.to_thread.run_sync(importlib.import_module, name)
        return self._http


def _anywhere(_host: str) -> bool:
    return True
