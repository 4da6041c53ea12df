"""What tests of the ledger write to it, and what it then holds."""

from agent.model import Spec
from agent.objects import Object, ObjectKind, ObjectRef, ScopeChange

from .host import HOST_ID, VOLUME, put, told

VOLUME_OBJECT = next(iter(told(VOLUME)[HOST_ID].values()))
NEW_VOLUME = ScopeChange(HOST_ID, put=(put(VOLUME_OBJECT),))
NO_VOLUME = ScopeChange(HOST_ID, remove=(ObjectRef(ObjectKind.VOLUME, "vol-1"),))


def known(*specs: Spec) -> dict[str, dict[ObjectRef, Object]]:
    """What a ledger holds of them: a scope without objects leaves no trace."""
    return {scope: rows for scope, rows in told(*specs).items() if rows}
