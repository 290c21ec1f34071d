"""Proofs, and what they claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from parity.recording import Claim
from parity.surface import Surface

Body = Callable[..., None]


@dataclass
class Proof:
    name: str
    body: Body
    claims: tuple[Claim, ...] = ()
    alone: bool = False
    """Nothing else may use the server meanwhile."""
    traced: bool = False
    """Of a server that traces its runs."""

    def possible(self, surface: Surface) -> bool:
        """Whether an SDK has what this needs."""
        return all(
            method in surface and all(parameter in each for each in surface[method].values())
            for method, parameter in self.claims
        )


PROOFS: dict[str, Proof] = {}
"""By name; filled when `parity.proofs` is imported."""


def proves(method: str, *parameters: str, alone: bool = False) -> Callable[[Body], Body]:
    """The decorated function gets a world and asserts the effect of each of these parameters.

    It may be said more than once of one function.
    """

    def decorate(body: Body) -> Body:
        _claim(_name(body), body, method, parameters, alone=alone)
        return body

    return decorate


def proves_each(
    methods: Iterable[str], *parameters: str, traced: bool = False
) -> Callable[[Body], Body]:
    """As many proofs: the decorated function gets a world and one of the methods' names."""

    def decorate(body: Body) -> Body:
        for method in methods:
            name = f"{_name(body)}[{method}]"
            assert name not in PROOFS, f"{name} is proven twice"
            _claim(name, partial(body, method=method), method, parameters, traced=traced)
        return body

    return decorate


def _name(body: Body) -> str:
    return f"{body.__module__.rpartition('.')[2]}.{body.__name__}"


def _claim(
    name: str,
    body: Body,
    method: str,
    parameters: Iterable[str],
    *,
    alone: bool = False,
    traced: bool = False,
) -> None:
    proof = PROOFS.setdefault(name, Proof(name, body))
    assert proof.body is body, f"two proofs are called {name}"
    proof.claims += tuple((method, parameter) for parameter in parameters)
    proof.alone = proof.alone or alone
    proof.traced = proof.traced or traced


def method_of(sdk: Any, method: str) -> Any:
    """The method of a client that a name such as `threads.get` stands for."""
    part, _, name = method.partition(".")
    return getattr(getattr(sdk, part), name)
