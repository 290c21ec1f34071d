"""The scenarios, a file for each part of the API."""

from bench.parity.family import Family, Scenario
from bench.parity.scenarios.assistants import assistants
from bench.parity.scenarios.cancels import cancels
from bench.parity.scenarios.commands import commands
from bench.parity.scenarios.crons import crons
from bench.parity.scenarios.firing import firing
from bench.parity.scenarios.merging import merging
from bench.parity.scenarios.multitask import multitask
from bench.parity.scenarios.requests import requests
from bench.parity.scenarios.runs import runs
from bench.parity.scenarios.states import states
from bench.parity.scenarios.store import store
from bench.parity.scenarios.streams import streams
from bench.parity.scenarios.system import system
from bench.parity.scenarios.thread_streams import thread_streams
from bench.parity.scenarios.threads import threads

FAMILIES: list[Family] = [
    firing,
    assistants,
    threads,
    states,
    runs,
    merging,
    commands,
    streams,
    thread_streams,
    multitask,
    cancels,
    store,
    crons,
    system,
    requests,
]


def all_scenarios() -> list[Scenario]:
    return [scenario for family in FAMILIES for scenario in family.scenarios]
