"""Threads: create, search, copy, prune, delete."""

from __future__ import annotations

from uuid import uuid4

from bench.parity.family import Family
from bench.parity.player import Player, order

threads = Family("threads")

_STEPS = [
    {"updates": [{"as_node": "__input__", "values": {"foo": "in"}}]},
    {"updates": [{"as_node": "e1", "values": {"log": ["se1"]}}]},
]


@threads.scenario("create")
def create(play: Player) -> None:
    own = {"thread_id": str(uuid4())}
    play.post("least", "/threads", {})
    play.post("own id and metadata", "/threads", {**own, "metadata": {"a": {"b": 1}}})
    play.post("same id", "/threads", own)
    play.post("same id, do_nothing", "/threads", {**own, "if_exists": "do_nothing"})
    play.post("time to live", "/threads", {"ttl": {"ttl": 5, "strategy": "delete"}})
    play.post("bad id", "/threads", {"thread_id": "nope"})
    play.post("bad if_exists", "/threads", {"if_exists": "maybe"})
    play.post("metadata null", "/threads", {"metadata": None})
    play.post("metadata no object", "/threads", {"metadata": "x"})
    play.post("time to live as text", "/threads", {"ttl": "soon"})
    play.post("time to live as number", "/threads", {"ttl": 5})
    play.post("bad strategy", "/threads", {"ttl": {"ttl": 5, "strategy": "nope"}})


@threads.scenario("create with a history")
def supersteps(play: Player) -> None:
    made = play.post("made", "/threads", {"metadata": {"graph_id": "echo"}, "supersteps": _STEPS})
    path = f"/threads/{made.body['thread_id']}"
    play.get("state", f"{path}/state")
    play.post("history", f"{path}/history", {"limit": 10})
    play.post("no graph", "/threads", {"supersteps": _STEPS})
    play.post("unknown graph", "/threads", {"metadata": {"graph_id": "nope"}, "supersteps": _STEPS})


@threads.scenario("get, patch, delete")
def change(play: Player) -> None:
    path = play.thread(metadata={"a": {"b": 1}, "c": 1})
    play.get("fresh", path)
    play.patch("metadata is merged", path, {"metadata": {"a": {"d": 2}, "c": None}})
    play.patch("nothing", path, {})
    minimal = {"Prefer": "return=minimal"}
    play.patch("minimal", path, {"metadata": {"e": 1}}, headers=minimal)
    play.get("patched", path)
    play.ran(path, "echo", {"foo": "x"})
    play.get("after a run", path)
    play.get("with its time to live", path, query={"include": "ttl"})
    play.patch("unknown", f"/threads/{uuid4()}", {})
    play.patch("bad id", "/threads/nope", {})
    play.get("unknown id", f"/threads/{uuid4()}")
    play.get("no id", "/threads/nope")
    play.delete("once", path)
    play.delete("again", path)
    play.get("gone", path)


@threads.scenario("search and count")
def search(play: Player) -> None:
    mine = {"metadata": {"tag": play.tag}}
    fresh = play.thread(metadata={"tag": play.tag, "n": 0})
    idle = play.thread(metadata={"tag": play.tag, "n": 1})
    play.ran(idle, "echo", {"foo": "x"})
    waiting = play.thread(metadata={"tag": play.tag, "n": 2})
    play.ran(waiting, "ask", {"foo": "y"})
    ids = [path.rsplit("/", 1)[1] for path in (fresh, idle)]
    oldest = {"sort_by": "created_at", "sort_order": "asc"}
    play.post("all", "/threads/search", {**mine, **oldest})
    play.post("page", "/threads/search", {**mine, **oldest, "limit": 1, "offset": 1})
    play.post("last page", "/threads/search", {**mine, **oldest, "limit": 2, "offset": 1})
    play.post("ids", "/threads/search", {"ids": ids, **oldest, "select": ["thread_id"]})
    play.post("no ids", "/threads/search", {**mine, "ids": [], "select": ["metadata"], **oldest})
    play.post("bad ids", "/threads/search", {"ids": ["nope"]})
    play.post("status", "/threads/search", {**mine, "status": "interrupted"})
    play.post("bad status", "/threads/search", {**mine, "status": "sleeping"})
    play.post("values", "/threads/search", {**mine, "values": {"foo": "x!"}})
    selected = {"select": ["status", "values"], **oldest}
    play.post("selected", "/threads/search", {**mine, **selected})
    extract = {"last": "values.log[-1]", "none": "values.nope", "n": "metadata.n"}
    play.post("extract", "/threads/search", {**mine, **oldest, "extract": extract})
    play.post("bad extract", "/threads/search", {"extract": {"a": "foo"}})
    play.post("bad sort", "/threads/search", {"sort_by": "nope"})
    play.post("bad select", "/threads/search", {"select": ["nope"]})
    play.post("limit 0", "/threads/search", {"limit": 0})
    play.post("count", "/threads/count", mine)
    play.post("count of a status", "/threads/count", {**mine, "status": "idle"})
    play.post("count of ids", "/threads/count", {"ids": ids})
    play.post("count of values", "/threads/count", {**mine, "values": {"foo": "x!"}})


@threads.scenario("copy")
def copy(play: Player) -> None:
    source = play.thread(metadata={"a": 1})
    play.ran(source, "ask", {"foo": "x"})
    made = play.post("made", f"{source}/copy")
    copied = f"/threads/{made.body['thread_id']}"
    play.get("got", copied)
    play.get("state", f"{copied}/state")
    play.post("history", f"{copied}/history", {"limit": 10})
    play.get("runs", f"{copied}/runs")
    play.post("resumed", f"{copied}/runs/wait", order("ask", command={"resume": "Ann"}))
    play.get("the source waits", f"{source}/state")
    play.post("unknown", f"/threads/{uuid4()}/copy")
    play.post("bad id", "/threads/nope/copy")


@threads.scenario("prune")
def prune(play: Player) -> None:
    ids = [play.thread().rsplit("/", 1)[1] for _ in range(3)]
    one = {"thread_ids": [ids[0], str(uuid4())]}
    play.post("one and one unknown", "/threads/prune", {**one, "strategy": "delete"})
    play.get("gone", f"/threads/{ids[0]}")
    play.post("the default", "/threads/prune", {"thread_ids": [ids[1]]})
    play.post("none", "/threads/prune", {"thread_ids": []})
    play.post("keep_latest", "/threads/prune", {"thread_ids": [ids[2]], "strategy": "keep_latest"})
    play.post("no ids", "/threads/prune", {})
    play.post("bad ids", "/threads/prune", {"thread_ids": ["nope"]})
    play.post("bad strategy", "/threads/prune", {"thread_ids": [], "strategy": "burn"})


@threads.scenario("storage")
def storage(play: Player) -> None:
    thread = play.thread()
    play.ran(thread, "echo", {"foo": "x"})
    play.get("after a run", f"{thread}/storage")
    play.get("unknown", f"/threads/{uuid4()}/storage")
