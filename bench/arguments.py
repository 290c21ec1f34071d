"""The command line of `python -m bench`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from bench.cells import Setting
from bench.langgraph_dev import installed, versions
from bench.options import Options, quick
from bench.peers import DEV, dev_peer, info, running_peer
from bench.servers import Peer
from bench.targets import TARGET_CELLS


@frozen
class Asked:
    options: Options
    peers: Sequence[Peer]
    versions: Mapping[str, Mapping[str, str]]
    """Peer to the versions of what it is made of, where they are known."""
    only: Sequence[str]
    quick: bool
    list: bool
    profile: Sequence[str] | None
    """Patterns of the cells to profile; empty for those that the targets ask about; None: none."""
    write_readme: bool
    out: Path
    words: Sequence[str]
    """The arguments as they were given."""


def asked(words: Sequence[str] | None = None) -> Asked:
    words = sys.argv[1:] if words is None else words
    parser = _parser()
    args = parser.parse_args(words)
    if args.quick and args.write_readme:
        parser.error("--write-readme does not take the figures of --quick")
    options = quick() if args.quick else Options()
    for name in ("rounds", "seconds"):
        if (value := getattr(args, name)) is not None:
            options = evolve(options, **{name: value})
    if args.rounds is not None:
        options = evolve(options, few=min(args.rounds, options.few))
    if args.no_pin:
        options = evolve(options, server_cpus=None)
    peers, found = _peers(args, options)
    return Asked(
        options,
        peers,
        found,
        [*args.only, *(TARGET_CELLS if args.targets else ())],
        args.quick,
        args.list,
        None if args.profile is None else args.profile.split(),
        args.write_readme,
        args.out,
        words,
    )


def _peers(
    args: argparse.Namespace, options: Options
) -> tuple[list[Peer], dict[str, Mapping[str, str]]]:
    peers, found = [], {}
    for text in args.peer if not args.list else ():
        name, is_url, url = text.partition("=")
        if is_url:
            peers.append(running_peer(name, url.rstrip("/")))
            found[name] = info(url.rstrip("/"))
        else:
            executable = args.langgraph or installed()
            peers.append(dev_peer(options.server_cpus, executable))
            found[DEV] = {**versions(executable), "--n-jobs-per-worker": f"≥ {Setting().jobs}"}
    return peers, found


def _peer(text: str) -> str:
    name, is_url, url = text.partition("=")
    if text != DEV and not (name and is_url and url.startswith(("http://", "https://"))):
        raise argparse.ArgumentTypeError(f"{text!r} is neither {DEV} nor NAME=http://…")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure lgtrio beside in-process calls of the same graphs, and beside other"
        " servers of the LangGraph Platform API.",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        type=_peer,
        metavar="PEER",
        help=f"NAME=URL: a server that is there and serves bench/langgraph.json; {DEV}: the"
        " published dev server, installed (once) and started for this; may be repeated",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SCENARIO[/CELL]",
        help='what to play, such as wait or "wait/stateless-*-8"; may be repeated',
    )
    parser.add_argument(
        "--targets", action="store_true", help="play only the cells that the targets ask about"
    )
    parser.add_argument("--list", action="store_true", help="name the cells and end")
    parser.add_argument("--quick", action="store_true", help="everything once, in a few minutes")
    parser.add_argument("--rounds", type=_positive(int), help="turns of each contestant (5)")
    parser.add_argument("--seconds", type=_positive(float), help="length of a turn under load (3)")
    parser.add_argument(
        "--profile",
        nargs="?",
        const="",
        metavar="SCENARIO/CELL",
        help="also a CPU budget by stage, and flame graphs (of the cells of the targets)",
    )
    parser.add_argument(
        "--write-readme", action="store_true", help="put the table of targets into README.md"
    )
    parser.add_argument("--no-pin", action="store_true", help="let everything use all processors")
    parser.add_argument(
        "--langgraph", type=Path, metavar="PATH", help=f"an installed langgraph for {DEV}"
    )
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder of results")
    return parser


def _positive(kind: type[int] | type[float]) -> object:
    def parse(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be above 0")
        return value

    return parse
