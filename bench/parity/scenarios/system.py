"""The server itself, and browsers that ask from elsewhere."""

from __future__ import annotations

from bench.parity.family import Family
from bench.parity.player import Player

system = Family("system")

_ORIGIN = {"Origin": "https://studio.example.com"}


@system.scenario("pages")
def pages(play: Player) -> None:
    play.get("/", "/")
    play.get("/ok", "/ok")
    play.get("/ok with a check", "/ok", query={"check_db": "1"})
    play.get("/info", "/info")
    play.get("/metrics", "/metrics")
    play.get("/docs", "/docs")
    play.send("HEAD /ok", "HEAD", "/ok")


@system.scenario("other origins")
def cors(play: Player) -> None:
    play.get("a get", "/ok", headers=_ORIGIN)
    play.get("an error", "/nope", headers=_ORIGIN)
    asked = {
        **_ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    play.send("a preflight", "OPTIONS", "/threads", headers=asked)
    play.send("OPTIONS without an origin", "OPTIONS", "/threads")
    play.post("a search", "/threads/search", {"metadata": {"tag": play.tag}}, headers=_ORIGIN)
