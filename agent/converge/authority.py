"""On whose word this host destroys anything. Pure.

Each update says of which region it is, of which incarnation of that region's database, and at which revision. One of
another region or incarnation, or of a revision that goes back, comes from a control plane that may not know what there
is: its database was restored from a backup, or this machine belongs to somebody else. Such an update is held: what it
puts is taken in, nothing is removed, until an admin's word (`stead host release`) comes with it. That word is for an
incarnation, and may itself be in the backup: it does not excuse one that goes back.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from agent.converge.desired import left
from agent.messages import Authority, Update
from agent.objects import Address, Endpoint, InternetGateway, NatGateway, Object, ObjectRef, Put, ScopeChange, Volume

Scopes = Mapping[str, Mapping[ObjectRef, Object]]


def objection(last: Authority, update: Update) -> str:
    """Why it must not remove anything, for people; empty where it may. `last`: of the last that was followed."""
    new = update.authority
    if not last.incarnation:
        return ""
    if (new.region, new.incarnation) == (last.region, last.incarnation):
        back = f"the control plane went back from revision {last.revision} to {new.revision}"
        return _held(back) if new.revision < last.revision else ""
    if update.released:
        return ""
    if new.region != last.region:
        return _held(f"this host belonged to region {last.region}, and is told what to do by {new.region}")
    return _held("the control plane's database was restored from a backup, or is another one")


def _held(cause: str) -> str:
    return f"held: {cause}; nothing is removed here until an admin has looked: `stead host release`"


def without_removals(update: Update, known: Scopes) -> Update:
    """What it adds and changes. An address that it gives to somebody has no other owner: an endpoint that had it has
    none, and is still its instance's. What it has in another scope than before is in that one alone.
    """
    old = _superseded(update, known)
    changes = {scope: ScopeChange(scope) for scope in old} | {change.scope: change for change in update.scopes}
    scopes = tuple(_added(change, known.get(scope, {}), old.get(scope, {})) for scope, change in changes.items())
    return replace(update, snapshot=False, left=(), scopes=scopes)


def withheld(update: Update, known: Scopes, before: Collection[ObjectRef]) -> frozenset[ObjectRef]:
    """What is here although the update removes it, or those `before` did. What stands on it is not as the control plane
    wants it: to say that it has converged would tell that it is in the trash, or that its address is free.
    """
    unwanted = {ref for scope in left(update, known) for ref in known[scope]}
    wanted = {ref for rows in _superseded(update, known).values() for ref in rows}
    for change in update.scopes:
        here = known.get(change.scope, {})
        unwanted |= set(here) if change.reset else here.keys() & change.remove
        unwanted |= {put.ref for put in change.put if put.ref in here and _is_new_tombstone(put, here)}
        wanted |= {put.ref for put in change.put if not _is_new_tombstone(put, here)}
    kept = {ref for rows in known.values() for ref in rows.keys() & before}
    return frozenset((unwanted | kept) - wanted)


def _added(change: ScopeChange, here: Mapping[ObjectRef, Object], old: Mapping[ObjectRef, Object]) -> ScopeChange:
    put = [each for each in change.put if not _is_new_tombstone(each, here)]
    put += [Put(ref, _without_addresses(row)) for ref, row in old.items() if isinstance(row, Endpoint)]
    remove = tuple(ref for ref, row in old.items() if not isinstance(row, Endpoint))
    return ScopeChange(change.scope, put=tuple(put), remove=remove)


def _superseded(update: Update, known: Scopes) -> Scopes:
    """Those that had what is now another's, or that are now in another scope."""
    put = {each.ref: (change.scope, each.value) for change in update.scopes for each in change.put}
    taken = {claim for _, value in put.values() if value is not None for claim in _claims(value)}

    def is_superseded(scope: str, ref: ObjectRef, value: Object) -> bool:
        if ref in put:
            return put[ref][0] != scope
        return not taken.isdisjoint(_claims(value))

    found = {
        scope: {ref: value for ref, value in rows.items() if is_superseded(scope, ref, value)}
        for scope, rows in known.items()
    }
    return {scope: rows for scope, rows in found.items() if rows}


def _claims(value: Object) -> Iterator[tuple[str, ...]]:
    """What one object alone can have."""
    match value:
        case Endpoint():
            yield from (("private address", value.vpc_id, ip) for ip in value.private_ips)
        case Address():
            yield "public address", value.public_ip
            yield "public address of", value.endpoint_id, value.private_ip
        case InternetGateway():
            yield "gateway of", value.vpc_id
        case NatGateway():
            yield "public address", value.public_ip


def _without_addresses(row: Endpoint) -> Endpoint:
    return replace(row, private_ip="", secondary_private_ips=())


def _is_new_tombstone(put: Put, here: Mapping[ObjectRef, Object]) -> bool:
    return isinstance(put.value, Volume) and put.value.deleted and here.get(put.ref) != put.value
