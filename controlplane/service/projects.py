"""Projects and tokens. Secrets are made by the caller; only their hashes come in here."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta

from controlplane.errors import Conflict, invalid_value
from controlplane.ids import Prefix
from controlplane.model.project import Project, Role, Token
from controlplane.model.state import Change, State
from controlplane.service import default_vpcs
from controlplane.service.call import Call, check_id, check_project, check_text, not_found

MAX_LIFETIME_S = 10 * 365 * 86400


def hash_secret(secret: str) -> str:
    """What is stored of a token: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(state: State, call: Call, name: str) -> tuple[Change, str]:
    check_text("name", name, r"(?!proj-)[a-z0-9-]{1,63}", "1 to 63 characters of a-z, 0-9 and -, not beginning proj-")
    if state.projects.name.get(name):
        raise Conflict("InvalidProject.Duplicate", f"The project {name!r} exists already; choose another name")
    project = Project(call.mint(Prefix.PROJECT), name, call.now)
    change = Change()
    change.put(project)
    default_vpcs.add(state, call, change, project.id)
    return change, project.id


@dataclass(frozen=True, slots=True)
class CreateToken:
    project_id: str
    role: int
    secret_hash: str = field(compare=False)  # Of a new secret each time.
    lifetime_s: int | None = None  # None: until it is revoked.


def create_token(state: State, call: Call, request: CreateToken) -> tuple[Change, str]:
    check_project(state, request.project_id)
    if request.role not in set(Role):
        raise invalid_value("role", request.role, "admin, member or reader")
    lifetime_s = request.lifetime_s
    if lifetime_s is not None and not 60 <= lifetime_s <= MAX_LIFETIME_S:
        raise invalid_value("lifetime_s", lifetime_s, f"60 to {MAX_LIFETIME_S}, or none for no end")
    token = Token(
        id=call.mint(Prefix.TOKEN),
        project_id=request.project_id,
        role=Role(request.role),
        secret_hash=request.secret_hash,
        created_at=call.now,
        expires_at=None if lifetime_s is None else call.now + timedelta(seconds=lifetime_s),
    )
    change = Change()
    change.put(token)
    return change, token.id


def find_token(state: State, token_id: str) -> Token:
    check_id(state.tokens.kind, token_id)
    token = state.tokens.get(token_id)
    if token is None:
        raise not_found(state.tokens.kind, token_id)
    return token


def revoke_token(state: State, call: Call, token_id: str) -> tuple[Change, None]:
    """At once and for good. The last one that can let an admin in stays."""
    token = find_token(state, token_id)
    change = Change()
    if token.revoked_at is not None:
        return change, None
    if token.role is Role.ADMIN and not any(row.id != token.id and _lets_admins_in(row, call) for row in state.tokens):
        raise Conflict("OperationNotPermitted", f"{token.id} is the last token of an admin; create another one first")
    change.put(replace(token, revoked_at=call.now))
    return change, None


def _lets_admins_in(token: Token, call: Call) -> bool:
    return token.role is Role.ADMIN and token.state(call.now) == "active"
