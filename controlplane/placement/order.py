"""The hosts of one zone that have one role, or their pools, kept in the order in which they are chosen. Pure."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.placement import Candidate, weight

Rank = tuple[float, int, str]  # Its weight; the lower number among equals; the candidate.
Size = tuple[int, int]  # Of vCPUs and memory, as powers of two.


def _size(room: Resources, role: HostRole) -> Size:
    """Of volumes all are alike: who has most storage holds what anyone holds."""
    if role is HostRole.STORAGE:
        return 0, 0
    return max(room.vcpus, 0).bit_length(), max(room.memory_mib, 0).bit_length()


class Order:
    """Candidates in groups of about equal room, within each by rank, the best one last.

    The emptiest host by its share of memory may be a small one, or have no vCPUs left: without groups, each choice
    would have to pass by all of these.
    """

    def __init__(self, role: HostRole) -> None:
        self._role = role
        self._places: dict[str, tuple[Size, Rank]] = {}
        self._groups: dict[Size, list[Rank]] = {}

    def __contains__(self, candidate_id: object) -> bool:
        return candidate_id in self._places

    def put(self, candidate: Candidate) -> None:
        """Give it its place, or another one now that it has more or less room."""
        id, size = candidate.id, _size(candidate.free, self._role)
        rank = weight(candidate, self._role), -candidate.host.number, id
        if self._places.get(id) != (size, rank):
            self.discard(id)
            self._places[id] = size, rank
            insort(self._groups.setdefault(size, []), rank)

    def discard(self, candidate_id: str) -> None:
        """It is not to be chosen; nothing where it was not."""
        if place := self._places.pop(candidate_id, None):
            size, rank = place
            group = self._groups[size]
            del group[bisect_left(group, rank)]
            if not group:
                del self._groups[size]

    def best_first(self, wanted: Resources) -> Iterator[str]:
        """Ids of those that may have the room, best first; valid until the next `put` or `discard`."""
        vcpus, memory = _size(wanted, self._role)
        groups = [reversed(group) for size, group in self._groups.items() if size[0] >= vcpus and size[1] >= memory]
        heads = {next(group): group for group in groups}
        while heads:
            best = max(heads)
            yield best[-1]
            group = heads.pop(best)
            heads.update((rank, group) for rank in islice(group, 1))
