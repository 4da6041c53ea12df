"""What callers show to say who they are, and whom the region takes them for."""

from dataclasses import dataclass, field
from datetime import datetime

from controlplane.errors import Unauthenticated
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service.projects import hash_secret


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token's secret: who knows it is its caller."""

    secret: str = field(repr=False)


# Each kind that a transport may bring is one more type here, and one more way in `authenticate`.
Credential = BearerToken


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `credential_id` names what it showed, in records and in the log.

    `expires_at`: when that ends; None: never.
    """

    project_id: str
    role: Role
    credential_id: str
    expires_at: datetime | None = None


def authenticate(state: State, shown: Credential | None, now: datetime) -> Principal:
    """Whom a credential belongs to; None: the caller showed none. Raises `AuthFailure`."""
    if shown is None:
        raise Unauthenticated("AuthFailure", "No token: send `authorization: Bearer <token>`")
    token = state.tokens.secret_hash.get(hash_secret(shown.secret))
    if token is None or token.state(now) != "active":
        was = token.state(now) if token else "not one of this region"
        raise Unauthenticated("AuthFailure", f"The token is {was}; ask an admin for another (`stead project token`)")
    return Principal(token.project_id, token.role, token.id, token.expires_at)
