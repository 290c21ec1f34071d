"""Requests that are wrong whatever they are about: paths, methods, bodies."""

from __future__ import annotations

from bench.parity.family import Family
from bench.parity.player import Player

requests = Family("requests")


@requests.scenario("bodies")
def bodies(play: Player) -> None:
    for name, content in {
        "no body": b"",
        "no JSON": b"{nope",
        "NaN": b'{"metadata": {"a": NaN}}',
        "bad UTF-8": b'{"metadata": {"a": "\xff"}}',
        "a lone surrogate": b'{"metadata": {"a": "\\ud800"}}',
        "a list": b"[]",
        "a text": b'"text"',
        "null": b"null",
    }.items():
        play.post(name, "/threads", content=content)
    html = {"Content-Type": "text/html"}
    play.post("another content type", "/threads", {"metadata": {"a": 1}}, headers=html)
    for path in ("/assistants", "/runs/wait", "/store/items/search", "/runs/crons"):
        play.post(f"no JSON for {path}", path, content=b"{")


@requests.scenario("paths and methods")
def paths(play: Player) -> None:
    play.get("unknown path", "/nope")
    play.get("no search of runs", "/runs/search")
    play.get("no list of runs", "/runs")
    play.get("wrong method", "/threads/search")
    play.send("PUT /threads", "PUT", "/threads", body={})
    play.send("DELETE /ok", "DELETE", "/ok")
    play.get("a slash too many", "/info/")
    play.post("a slash too many in a post", "/threads/", {})
    play.send("HEAD of a thread", "HEAD", play.thread())
