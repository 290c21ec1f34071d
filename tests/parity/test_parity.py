"""Every parameter of every method of the official SDKs is proven to have an effect."""

from __future__ import annotations

import pytest

from parity.proving import PROOFS
from parity.reports import NEW, OLD, Reports
from parity.surface import Surface, surface

EXCLUDED = {
    "threads.stream": "the event protocol over SSE and WebSocket is not served yet",
}
"""Methods that need no proof, and why."""

METHODS = surface()
"""Of the newest SDK."""

# The first test waits for the proofs of all.
pytestmark = [pytest.mark.long, pytest.mark.timeout(1000)]


@pytest.mark.parametrize("proof", sorted(PROOFS))
def test_what_is_claimed_is_so(reports: Reports, proof: str) -> None:
    tried = reports.of(proof)
    failed = [f"{each}\n{each.error}" for each in tried if each.error]
    assert not failed, "\n".join(failed)
    assert {each.kind for each in tried if each.version == NEW} == {"async", "sync"}


@pytest.mark.parametrize("proof", sorted(PROOFS))
def test_what_is_claimed_is_what_is_passed(reports: Reports, proof: str) -> None:
    for report in reports.of(proof):
        offered = reports.surfaces[report.version]
        for method, parameter in PROOFS[proof].claims:
            required = offered[method][report.kind][parameter]
            # Of one that is always given, one value does not show that it is looked at.
            least = 2 if required else 1
            passed = report.values.get((method, parameter), 0)
            assert passed >= least, f"{report}: {method}({parameter}=…)"


@pytest.mark.parametrize("proof", sorted(PROOFS))
def test_a_server_that_ignored_it_would_be_found_out(reports: Reports, proof: str) -> None:
    tried = reports.with_losses(proof)
    assert {each.lost for each in tried} == set(PROOFS[proof].claims)
    unnoticed = [each.lost for each in tried if each.error is None]
    assert not unnoticed, "the proof passes without these parameters, too"


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_parameter_has_a_proof(surfaces: dict[str, Surface], method: str) -> None:
    if method in EXCLUDED:
        return
    for version, offered in surfaces.items():
        possible = [each for each in PROOFS.values() if each.possible(offered)]
        proven = {claim for each in possible for claim in each.claims}
        for kind, parameters in offered.get(method, {}).items():
            missing = [each for each in parameters if (method, each) not in proven]
            assert not missing, f"{version}, {kind}: nothing proves {method}({missing})"


def test_the_old_sdk_has_nothing_that_the_new_one_lacks(surfaces: dict[str, Surface]) -> None:
    assert surfaces[OLD].keys() <= surfaces[NEW].keys()
    assert all(
        parameters.keys() <= surfaces[NEW][method][kind].keys()
        for method, kinds in surfaces[OLD].items()
        for kind, parameters in kinds.items()
    )


def test_claims_and_exclusions_speak_of_what_there_is() -> None:
    claims = {claim for proof in PROOFS.values() for claim in proof.claims}
    unknown = [
        (method, parameter)
        for method, parameter in claims
        if not any(parameter in each for each in METHODS.get(method, {}).values())
    ]
    assert not unknown
    assert EXCLUDED.keys() <= surface().keys()
