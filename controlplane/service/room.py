"""Where there is room for a launch: in which zone, on which hosts, with which addresses.

Whatever runs short first gives the number.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from controlplane.errors import Invalid, NoCapacity, Refusal
from controlplane.model.capacity import Resources
from controlplane.model.image import InstanceType
from controlplane.model.network import NetworkInterface
from controlplane.model.state import Change, State
from controlplane.model.value import value
from controlplane.model.vpc import Subnet
from controlplane.service import addresses, private_addresses
from controlplane.service.call import Call
from controlplane.service.capacity import Claims, Home
from controlplane.service.features import Feature, of_subnets


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a launch asks of a zone: one of `subnets`, and for each instance a host, disks and addresses.

    `private_ip` is empty for any but those `taken`, which its other interfaces are to have; `public_ip` None for what
    the subnet says; `features` are those of the host's agent; `first` is the interface that the instance gets, where it
    is there already.
    """

    min_count: int
    max_count: int
    size: InstanceType
    disks_gib: Sequence[int]
    vpc_id: str
    subnets: Sequence[Subnet]
    private_ip: str
    public_ip: bool | None
    features: tuple[Feature, ...] = ()
    taken: Collection[str] = ()
    first: NetworkInterface | None = None

    @property
    def resources(self) -> Resources:
        return Resources(self.size.vcpus, self.size.memory_mib)

    def has_public_ip(self, subnet: Subnet) -> bool:
        return subnet.map_public_ip_on_launch if self.public_ip is None else self.public_ip


@value(frozen=True, slots=True)
class Place:
    host_id: str
    volume_homes: Sequence[Home]  # One for each disk.


@dataclass(frozen=True, slots=True)
class Room:
    """What a zone has for a launch: a place and a private address for each instance that it takes.

    Where these are fewer than `max_count`: there is a `shortage` of addresses, or else hosts have no room for more.
    """

    subnet: Subnet
    places: Sequence[Place]
    private_ips: Sequence[str]
    refusals: Sequence[Refusal]
    shortage: NoCapacity | None


def find_room(state: State, call: Call, wanted: Wanted) -> Room:
    """The emptiest zone that takes all; otherwise the one that takes most. Raises when that is under `min_count`."""
    if not wanted.subnets:
        raise Invalid("MissingInput", f"{wanted.vpc_id} has no default subnet there; name a subnet, or make one")
    claims, rooms = Claims(state, call), list[Room]()
    for subnet in _emptiest_first(claims, wanted):
        rooms.append(_room(state, call, claims, wanted, subnet))
        if len(rooms[-1].places) == wanted.max_count:
            break
    best = max(rooms, key=lambda room: len(room.places))
    if len(best.places) >= wanted.min_count:
        return best
    if best.shortage:
        raise best.shortage
    refusals = [refusal for room in rooms for refusal in room.refusals]
    raise NoCapacity(
        "InsufficientInstanceCapacity",
        f"{wanted.min_count} of {wanted.size.id} asked, room for {len(best.places)} in "
        f"{' or '.join(subnet.zone for subnet in wanted.subnets)}; try a smaller type, another zone, or later",
        refusals=[row for row in refusals if row.count] or refusals,  # That a zone has no hosts: where that is all.
    )


def _emptiest_first(claims: Claims, wanted: Wanted) -> Sequence[Subnet]:
    """By their zones' emptiest hosts."""
    if len(wanted.subnets) == 1:
        return wanted.subnets
    return sorted(wanted.subnets, key=lambda row: claims.emptiness(row.zone, wanted.resources), reverse=True)


def _room(state: State, call: Call, claims: Claims, wanted: Wanted, subnet: Subnet) -> Room:
    """As many as everything suffices for: whatever runs short gives the number."""
    private_ips = _private_ips(state, wanted, subnet)
    at_most = len(private_ips)
    shortage = private_addresses.too_few(subnet, wanted.min_count, at_most)
    if wanted.has_public_ip(subnet):
        public = len(addresses.find_free(state, call, Change(), wanted.max_count))
        if public < at_most:
            at_most, shortage = public, addresses.too_few(wanted.min_count, public)
    needed = replace(wanted, features=(*wanted.features, *of_subnets(state, [subnet.id])))
    places, refusals = _fill(claims, needed, subnet, at_most)
    return Room(subnet, places, private_ips, refusals, shortage if len(places) == at_most else None)


def _fill(claims: Claims, wanted: Wanted, subnet: Subnet, at_most: int) -> tuple[list[Place], Sequence[Refusal]]:
    """Places for so many instances, and why there are no more."""
    places: list[Place] = []
    try:
        for _ in range(at_most):
            host_id = claims.compute_host(subnet.zone, wanted.resources, features=wanted.features)
            homes = [claims.volume_home(subnet.zone, size_gib, host_id) for size_gib in wanted.disks_gib]
            places.append(Place(host_id, homes))
    except NoCapacity as error:
        return places, _after(places, error.refusals)
    return places, ()


def _after(places: Sequence[Place], refusals: Sequence[Refusal]) -> list[Refusal]:
    """A host that would take some of them has less left than lists of hosts show."""
    taken = ({place.host_id, *(home.host_id for home in place.volume_homes)} for place in places)
    counts = Counter(host_id for host_ids in taken for host_id in host_ids)
    return [
        replace(row, reason=f"{row.reason}, with {count} of these on it") if (count := counts[row.host_id]) else row
        for row in refusals
    ]


def _private_ips(state: State, wanted: Wanted, subnet: Subnet) -> list[str]:
    """One for each instance, or as many as there are."""
    if wanted.first:
        return [wanted.first.private_ip]
    if wanted.private_ip:
        return [private_addresses.check_free(state, subnet, wanted.private_ip)]
    return private_addresses.find_free(state, subnet, wanted.max_count, wanted.taken)
