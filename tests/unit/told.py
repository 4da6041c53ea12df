"""What a host was told, as its agent puts it together out of objects; and what it shall be told, out of the rows."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.model.instance import ROOT_DEVICE, ObservedKind
from controlplane.model.state import State
from controlplane.reconcile.objects import KINDS, scopes_of
from stead.agent.v1 import objects_pb2, session_pb2

Spec = Mapping[str, Any]
Key = tuple[ObservedKind, str]
Objects = dict[str, dict[tuple[str, str], Any]]  # By scope, and by kind and id.

_NAMES = {field.number: field.name for field in objects_pb2.Object.DESCRIPTOR.fields}


def take(objects: Objects, update: session_pb2.Update) -> None:
    """As the protocol says."""
    for scope_id in objects.keys() - {change.scope for change in update.scopes} if update.snapshot else ():
        del objects[scope_id]
    for scope_id in update.left:
        del objects[scope_id]
    for change in update.scopes:
        if change.reset:
            objects[change.scope] = {}
        scope = objects[change.scope]  # Whoever is not told a whole scope first can't be told what changes in it.
        for row in change.put:
            name = row.WhichOneof("body")
            assert name, row
            scope[name, getattr(row, name).id] = getattr(row, name)
        for ref in change.remove:
            scope.pop((_NAMES[ref.kind], ref.id), None)


def digests(objects: Objects) -> dict[str, bytes]:
    """As an agent that has these says."""
    return {scope_id: _digest(rows) for scope_id, rows in objects.items()}


def _digest(rows: Mapping[tuple[str, str], Any]) -> bytes:
    numbers = {name: number for number, name in _NAMES.items()}
    found = hashlib.sha256()
    for name, row_id in sorted(rows, key=lambda ref: (numbers[ref[0]], ref[1].encode())):
        data = objects_pb2.Object(**{name: rows[name, row_id]}).SerializeToString()
        found.update(len(data).to_bytes(4, "big") + data)
    return found.digest()


def read(pieces: Iterable[bytes]) -> session_pb2.Update:
    """One message of them all, unpacked."""
    update = session_pb2.ControlMessage.FromString(b"".join(pieces)).update
    unpacked = [session_pb2.ScopeChange.FromString(zlib.decompress(each)) for each in update.packed]
    del update.packed[:]
    scopes = [*unpacked, *update.scopes]
    del update.scopes[:]
    update.scopes.extend(scopes)
    return update


def objects_of(state: State, host_id: str) -> Objects:
    """All that the host shall be told."""
    return {scope_id: _scope(state, scope_id) for scope_id in scopes_of(state, host_id)}


def _scope(state: State, scope_id: str) -> dict[tuple[str, str], Any]:
    (region,) = state.regions
    return {
        (kind.name, row.id): kind.make(state, row, region.id)
        for kind in KINDS.values()
        for row in state.tables[kind.row_type]
        if scope_id in kind.scopes(state, row)
    }


def specs_of(objects: Objects, host_id: str) -> dict[Key, Spec]:
    """The resources that an agent makes of objects: as much of each as tests look at."""
    found = [(name, row) for scope in objects.values() for (name, _), row in scope.items()]
    of = {name: {row.id: row for other, row in found if other == name} for name in _NAMES.values()}
    own = objects.get(host_id, {})
    specs: dict[Key, Spec] = {}
    for (name, row_id), row in own.items():
        if name == "volume":
            specs[ObservedKind.VOLUME, row_id] = {"deleted": row.deleted, "size_bytes": row.size_bytes}
        elif name == "attachment" and row.storage_host_id == host_id:
            specs[ObservedKind.EXPORT, row_id] = {"port": row.port, "client_host_ids": [row.client_host_id]}
        elif name == "instance":
            disks = [one for one in of["attachment"].values() if one.instance_id == row_id and one.attached]
            interfaces = [
                one for one in of["endpoint"].values() if one.instance_id == row_id and one.host_id == host_id
            ]
            specs[ObservedKind.INSTANCE, row_id] = _instance(row, disks, interfaces)
    carried = {row.vpc_id for row in of["internet_gateway"].values() if row.host_id == host_id}
    for vpc_id in of["vpc"]:
        members = [row.host_id for row in of["endpoint"].values() if row.vpc_id == vpc_id]
        beside = {peering.vpc_id for peering in of["vpc"][vpc_id].peerings}
        guests = [row.host_id for row in of["endpoint"].values() if row.vpc_id in beside]
        is_needed = members or any(row.vpc_id == vpc_id for row in of["nat_gateway"].values())
        if host_id in (*members, *guests) or (is_needed and vpc_id in carried):
            specs[ObservedKind.VPC, vpc_id] = {}
        if is_needed and vpc_id in carried:
            specs[ObservedKind.GATEWAY, vpc_id] = {}
    return specs


def _instance(row: Any, disks: list[Any], interfaces: list[Any]) -> Spec:
    disks.sort(key=lambda one: (one.device_name != ROOT_DEVICE, one.device_name))
    return {
        "generation": row.generation,
        "power_on": row.power_on,
        "reboot_count": row.reboot_count,
        "stop_timeout_s": row.stop_timeout_s,
        "interfaces": sorted(one.id for one in interfaces if not one.is_detaching),
        "disks": [{"export_name": one.id, "volume_id": one.volume_id, "device_name": one.device_name} for one in disks],
    }


def shall_have(state: State, host_id: str) -> dict[Key, Spec]:
    """The resources that the host shall have."""
    return specs_of(objects_of(state, host_id), host_id)
