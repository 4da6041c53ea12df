"""Projects, and the tokens that act for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Table


class Role(IntEnum):
    """What a token allows; a larger value allows all that a smaller one does."""

    READER = 1
    MEMBER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str
    created_at: datetime


class Projects(Table[Project]):
    kind = Kind("project", Prefix.PROJECT, "InvalidProject", "DescribeProjects", where="")
    row_type = Project
    stored_as = "projects"
    unique_fields = (("name",),)
    filters = {
        "name": lambda row: row.name,
    }

    def __init__(self) -> None:
        super().__init__()
        self.name = self.unique(lambda row: row.name)


@dataclass(frozen=True, slots=True)
class Token:
    """`secret_hash` is SHA-256 in hexadecimal; the secret has 256 random bits, so that no salt is needed."""

    id: str
    project_id: str
    role: Role
    secret_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """ "active", "revoked" or "expired"; only an active one lets anybody in."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class Tokens(Table[Token]):
    kind = Kind("token", Prefix.TOKEN, "InvalidToken", "DescribeTokens", where="")
    row_type = Token
    stored_as = "tokens"
    unique_fields = (("secret_hash",),)
    filters = {
        "token-id": lambda row: row.id,
        "project-id": lambda row: row.project_id,
        "role": lambda row: row.role.name.lower(),
    }

    def __init__(self) -> None:
        super().__init__()
        self.secret_hash = self.unique(lambda row: row.secret_hash)
