"""What a browser is told of a policy, and what it makes of that."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgtrio.wire.cors import METHODS, CorsPolicy

APP, OTHER = "https://app.test", "https://other.test"
SAFE = {"accept", "accept-language", "content-language", "content-type"}

names = st.sampled_from(["X-Api-Key", "x-other", "Content-Type", "accept", "*"])
policies = st.builds(
    CorsPolicy,
    allow_origins=st.lists(st.sampled_from([APP, "*"])),
    allow_methods=st.lists(st.sampled_from([*METHODS, "*"])),
    allow_headers=st.lists(names),
    allow_credentials=st.booleans(),
    allow_origin_regex=st.sampled_from([None, re.compile(r"https://o.*\.test")]),
)


def lets_through(policy: CorsPolicy, origin: str, method: str, headers: list[str]) -> bool:
    """What a browser does with the answer to its preflight, as the Fetch standard has it."""
    answer = policy.preflight(origin, method, ", ".join(headers) or None)
    told = {name.lower(): value for name, value in answer.headers.items()}
    allowed = told.get("access-control-allow-origin")
    methods = told["access-control-allow-methods"].split(", ")
    known = {each.lower() for each in told.get("access-control-allow-headers", "").split(", ")}
    return (
        answer.status == 200
        and (allowed == origin or (allowed == "*" and not policy.allow_credentials))
        and ("access-control-allow-credentials" in told) == policy.allow_credentials
        and method in methods
        and {each.lower() for each in headers} <= known | SAFE
    )


@given(
    policies,
    st.sampled_from([APP, OTHER, "null"]),
    st.sampled_from(METHODS),
    st.lists(names.filter(lambda name: name != "*"), unique=True),
)
def test_a_browser_lets_through_what_the_policy_allows(
    policy: CorsPolicy, origin: str, method: str, headers: list[str]
) -> None:
    by_origin = "*" in policy.allow_origins or origin in policy.allow_origins
    by_pattern = policy.allow_origin_regex is not None and origin == OTHER
    by_method = "*" in policy.allow_methods or method in policy.allow_methods
    known = {each.lower() for each in policy.allow_headers} | SAFE
    by_header = "*" in known or {each.lower() for each in headers} <= known
    wanted = (by_origin or by_pattern) and by_method and by_header
    assert lets_through(policy, origin, method, headers) == wanted
    if not (by_origin or by_pattern):
        assert policy.answer_headers(origin) == {}


@pytest.mark.parametrize("origin", ["https://o.test.evil", "xhttps://o.test", "https://o.test\n"])
def test_a_pattern_must_match_the_whole_origin(origin: str) -> None:
    policy = CorsPolicy(allow_origin_regex=re.compile(r"https://o\.test"))
    assert policy.allows("https://o.test")
    assert not policy.allows(origin)


def test_a_refused_preflight_says_what_is_refused() -> None:
    answer = CorsPolicy().preflight(APP, "POST", "x-own")
    assert (answer.status, answer.text) == (400, "Disallowed CORS origin, method, headers")
    assert "Access-Control-Allow-Origin" not in answer.headers
