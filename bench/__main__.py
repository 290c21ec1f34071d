"""`python -m bench [SCENARIO]… [--rounds N] [--seconds S] [--no-pin] [--langgraph PATH]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from attrs import asdict, fields

from bench import crowd, latencies, search, startup, store, stream, wait
from bench.measure import environment, pin
from bench.options import Options

SCENARIOS = {
    "wait": wait.measure,
    "stream": stream.measure,
    "startup": startup.measure,
    "store": store.measure,
    "latencies": latencies.measure,
    "crowd": crowd.measure,
    "search": search.measure,
}


def main() -> None:
    options, names = _arguments()
    report: dict[str, Any] = {"environment": environment(), "options": asdict(options)}
    report["options"]["server_cpus"] = sorted(options.server_cpus or ())
    pin(options.client_cpus)
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        started = time.perf_counter()
        report[name] = SCENARIOS[name](options)
        print(f"  {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(report, indent=2))


def _arguments() -> tuple[Options, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure lgtrio.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=fields(Options).rounds.default)
    parser.add_argument("--seconds", type=float, default=fields(Options).seconds.default)
    parser.add_argument("--no-pin", action="store_true", help="let everything use all processors")
    parser.add_argument(
        "--langgraph", metavar="PATH", help="measure `PATH dev`, the reference server, as well"
    )
    args = parser.parse_args()
    unknown = set(args.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    pinned = {"server_cpus": None} if args.no_pin else {}
    options = Options(rounds=args.rounds, seconds=args.seconds, langgraph=args.langgraph, **pinned)
    return options, args.scenarios or list(SCENARIOS)


if __name__ == "__main__":
    main()
