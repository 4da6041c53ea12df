"""Projects and tokens. Secrets are made by the caller; only their hashes come in here."""

import hashlib
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, NotFound, invalid_value
from controlplane.ids import Prefix
from controlplane.model.project import Project, Role, Token
from controlplane.model.state import Change, State
from controlplane.service import vpcs
from controlplane.service.call import TOKEN, Call, check_id, check_project, check_text


def hash_secret(secret: str) -> str:
    """What is stored of a token: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(state: State, call: Call, name: str) -> tuple[Change, str]:
    check_text("name", name, r"[a-z0-9-]{1,63}", "1 to 63 characters of a-z, 0-9 and -")
    if state.projects.one("name", name):
        raise Conflict("InvalidProject.Duplicate", f"The project {name!r} exists already")
    project = Project(call.mint(Prefix.PROJECT), name, call.now)
    change = Change()
    change.put(project)
    vpcs.create_default(state, call, change, project.id)
    return change, project.id


@dataclass(frozen=True, slots=True)
class CreateToken:
    project_id: str
    role: int
    secret_hash: str = field(compare=False)  # Of a new secret each time.


def create_token(state: State, call: Call, request: CreateToken) -> tuple[Change, str]:
    check_project(state, request.project_id)
    if request.role not in set(Role):
        raise invalid_value("role", request.role, "admin, member or reader")
    token = Token(call.mint(Prefix.TOKEN), request.project_id, Role(request.role), request.secret_hash, call.now)
    change = Change()
    change.put(token)
    return change, token.id


def revoke_token(state: State, call: Call, token_id: str) -> tuple[Change, None]:
    check_id(TOKEN, token_id)
    token = state.tokens.get(token_id)
    if token is None:
        raise NotFound("InvalidToken.NotFound", f"The token {token_id!r} does not exist")
    change = Change()
    if token.revoked_at is None:
        change.put(replace(token, revoked_at=call.now))
    return change, None
