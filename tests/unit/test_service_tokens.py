"""Tokens: made, listed, at their end, revoked."""

from datetime import timedelta

import pytest

from controlplane.errors import Unauthenticated
from controlplane.gate.credentials import BearerToken, authenticate
from controlplane.model.project import Role
from controlplane.service import projects
from controlplane.service.projects import CreateToken, hash_secret
from tests.unit.region import Region


@pytest.fixture
def region() -> Region:
    return Region()


def make(region: Region, secret: str, role: Role = Role.MEMBER, lifetime_s: int | None = None) -> str:
    asked = CreateToken(region.project_id, role, hash_secret(secret), lifetime_s)
    return region.do(projects.create_token, asked)


def test_a_token_is_refused_after_its_time(region: Region) -> None:
    token_id = make(region, "s", lifetime_s=3600)
    made = region.state.tokens[token_id]
    assert made.expires_at == made.created_at + timedelta(hours=1)
    last = made.expires_at - timedelta(microseconds=1)
    assert authenticate(region.state, BearerToken("s"), last).expires_at == made.expires_at
    with pytest.raises(Unauthenticated):
        authenticate(region.state, BearerToken("s"), made.expires_at)
    assert (made.state(last), made.state(made.expires_at)) == ("active", "expired")


def test_a_token_without_an_end_lasts_until_it_is_revoked(region: Region) -> None:
    token_id = make(region, "s")
    later = region.now + timedelta(days=3650)
    assert authenticate(region.state, BearerToken("s"), later).credential_id == token_id
    region.do(projects.revoke_token, token_id)
    with pytest.raises(Unauthenticated):
        authenticate(region.state, BearerToken("s"), region.now)
    assert region.state.tokens[token_id].state(region.now) == "revoked"
    revision = region.state.revision
    region.do(projects.revoke_token, token_id)
    assert region.state.revision == revision


@pytest.mark.parametrize("lifetime_s", [0, 1, 59, 315360001])
def test_a_lifetime_has_bounds(region: Region, lifetime_s: int) -> None:
    asked = CreateToken(region.project_id, Role.MEMBER, "h", lifetime_s)
    region.refuses("InvalidParameterValue", projects.create_token, asked)


def test_nobody_locks_all_admins_out(region: Region) -> None:
    only = make(region, "a", Role.ADMIN)
    make(region, "b", Role.ADMIN, lifetime_s=60)
    region.now += timedelta(minutes=2)
    make(region, "c", Role.MEMBER)
    region.refuses("OperationNotPermitted", projects.revoke_token, only)
    make(region, "d", Role.ADMIN)
    region.do(projects.revoke_token, only)
    region.refuses("InvalidToken.NotFound", projects.revoke_token, f"tok-{'f' * 17}")
    region.refuses("InvalidToken.Malformed", projects.revoke_token, "tok-1")
