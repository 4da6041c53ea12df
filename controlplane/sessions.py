"""Which agents are connected, and when each host was last heard of. Knows nothing of gRPC."""

import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from controlplane.enforcement import Enforcement
from controlplane.errors import Unavailable
from controlplane.journal import Journal
from controlplane.model.host import Host
from controlplane.model.instance import ObservedKind
from controlplane.model.policy import Patience
from controlplane.model.state import Revision
from controlplane.model.vpc import InternetGateway
from controlplane.reconcile.absorb import settle
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.legacy import Difference
from controlplane.reconcile.share import Share, Takers
from controlplane.reconcile.touched import Touched, touched
from controlplane.service import boots, gateway_hosts, host_removal, hosts, regions
from controlplane.service.call import Call
from controlplane.service.dropped_packets import DroppedPackets
from controlplane.service.effective_rules import Count
from controlplane.service.features import Feature
from controlplane.service.health import LateHost
from controlplane.service.nat_gateways import Uses
from controlplane.service.presence import HostStatus, Link, Presence, presence
from controlplane.session import Session, sealed_text


class Sessions:
    """All agents' sessions, and when each host was last heard of. `host_id in sessions`: it may be given work."""

    def __init__(
        self,
        journal: Journal,
        region: str,
        patience: Patience,
        clock: Callable[[], datetime],
        seal: Callable[[bytes], bytes],
        steady: Callable[[], datetime] | None = None,
    ) -> None:
        """`seal`: see `ca.seal`. `steady`: as `clock`, but goes on evenly when somebody sets the machine's clock."""
        self._journal = journal
        self._region = region
        self._patience = patience
        self._clock = clock
        self._seal = seal
        self._steady = steady or clock
        self._started_at = self._steady()
        self._open: dict[str, Session] = {}
        self._links: dict[str, Link] = {}
        self._first_revision = journal.state.revision
        self._greeted: set[str] = set()
        self._feed = Feed(journal.state, region, journal.durable_revision)
        self._takers = Takers(journal.state)
        self.nat_uses = Uses()
        self._enforcement = Enforcement(journal.state)
        self._touched: deque[tuple[int, Touched]] = deque()  # By revisions that are not durable yet.
        journal.witness(self._on_revision)
        journal.witness(self._enforcement.witness)
        journal.follow(self._on_durable)

    def now(self) -> datetime:
        return self._clock()

    @property
    def moved(self) -> timedelta:
        """By how much the machine's clock was set since the process began; whole seconds, as reading two takes time."""
        return timedelta(seconds=round((self._clock() - self._steady()).total_seconds()))

    def __contains__(self, host_id: object) -> bool:
        host, link = self._journal.state.hosts.get(str(host_id)), self._links.get(str(host_id))
        if host is None:
            return False
        # Nobody reads the times of this answer: they need not be those of a clock that was set.
        return presence(host, link, self._started_at, self._patience, self._steady()).is_reachable

    def presence(self, host_id: str) -> Presence:
        """What is known of a host now."""
        host = self._journal.state.hosts.get(host_id)
        if host is None:
            return Presence(HostStatus.UNREACHABLE, self._clock(), "it was removed from the region", None)
        return self._presence(host, self._clock(), self.moved)

    def _presence(self, host: Host, now: datetime, moved: timedelta) -> Presence:
        link = self._links.get(host.id)
        return presence(host, link and link.moved(moved), self._started_at + moved, self._patience, now)

    def open(self, host_id: str, *, is_packed: bool = False, known: Mapping[str, bytes] | None = None) -> Session:
        """Begin a session; an earlier one of the same host ends. `is_packed`, `known`: see `Share`."""
        return self._begin(host_id, Share(self._feed, self._takers, host_id, is_packed=is_packed, known=known))

    def open_legacy(self, host_id: str) -> Session:
        """The same for an agent that knows specs, not objects."""
        return self._begin(host_id, Difference(self._feed, self._takers, host_id))

    def _begin(self, host_id: str, share: Share | Difference) -> Session:
        if earlier := self._open.get(host_id):
            earlier.end()
        known, now = self.presence(host_id), self._steady()
        opened_at = self._links[host_id].opened_at if known.is_reachable and host_id in self._links else now
        self._links[host_id] = Link(opened_at, now)
        session = Session(self._journal, host_id, self._region, self._clock, self._seal, share, self._enforcement)
        self._open[host_id] = session
        self.hear(host_id)
        return session

    def close(self, session: Session) -> None:
        session.end()
        if self._open.get(session.host_id) is session:
            del self._open[session.host_id]
            self._takers.forget(session.host_id)
            self.nat_uses.forget(session.host_id)
            self._links[session.host_id].ended_at = self._steady()

    def late(self, resource_id: str) -> Sequence[LateHost]:
        """The hosts that do not have the rules of a security group, or a network ACL, yet."""
        found, too_old = sorted(self._enforcement.late(resource_id).items()), self._enforcement.too_old(resource_id)
        return [LateHost(id, generation, self.presence(id), id in too_old) for id, generation in found]

    def close_all(self) -> None:
        """The process is about to end: agents shall come back to the next one at once."""
        for session in list(self._open.values()):
            self.close(session)

    def hear(self, host_id: str) -> None:
        """The host gave a sign of life; stored now and then."""
        self._links[host_id].heard_at = self._steady()
        self._journal.apply(hosts.seen(self._journal.state, host_id, self._clock()))

    def note_absent(self) -> None:
        """Make it durable which hosts are away, so that a restart of this process makes none of them present again."""
        now, moved = self._clock(), self.moved
        for host in self._journal.state.hosts:
            if host.is_away or (seen := self._presence(host, now, moved)).status is not HostStatus.UNREACHABLE:
                continue
            self._journal.apply(hosts.missed(self._journal.state, host.id, seen.last_seen_at or now))

    def fail_over(self) -> dict[str, str]:
        """Move gateways off hosts that have been away for too long. Returns where each one goes."""
        state, now = self._journal.state, self._clock()
        change = gateway_hosts.fail_over(state, self.presence, self._patience.failover, now)
        self._journal.apply(change)
        return {row.id: row.host_id for row in change.rows_of(InternetGateway)}

    def answer_for_lost(self) -> None:
        """An admin's word stands for what lost hosts would say: they have answered everything, and have nothing."""
        state = self._journal.state
        for host in [host for host in state.hosts if host.lost_at]:
            answers = dict.fromkeys(ObservedKind, state.revision)
            self._journal.apply(settle(state, host.id, answers, self._clock()))
            self._journal.apply(self._enforcement.gone(host.id))
            self._journal.apply(host_removal.forget(state, host.id))

    def tell(self, host_id: str, capacity: hosts.Capacity, agent_version: str, features: tuple[str, ...]) -> None:
        """The agent said what its machine can hold, and what it can do."""
        self._journal.apply(hosts.update(self._journal.state, host_id, capacity, agent_version, features))

    def note_nat_uses(self, host_id: str, told: Mapping[str, tuple[int, int]]) -> None:
        """The agent said what its NAT gateways carry."""
        self.nat_uses.take(self._journal.state, host_id, told, self._clock())

    def is_sealed(self, host_id: str, region: str, incarnation: str, revision: int, seal: bytes) -> bool:
        """Whether this host was sent that revision, by whoever has this control plane's keys."""
        return hmac.compare_digest(seal, self._seal(sealed_text(region, incarnation, revision, host_id)))

    def greet(self, session: Session, boot_id: str, word: regions.Word, call: Call) -> None:
        """The agent said which boot of its machine this is, and what it last followed. It may be sent updates now.

        What it says first, this process has not told it; what it says later, this process did.
        """
        if session.host_id not in self._greeted:
            self._greeted.add(session.host_id)
            known, first = self._journal.state, self._first_revision
            self._journal.apply(regions.recognise(known, call, session.host_id, word, first))
        self._journal.apply(boots.note(self._journal.state, call, session.host_id, boot_id))
        session.greet(call)

    async def console(self, host_id: str, instance_id: str, max_bytes: int) -> bytes:
        session = self._open.get(host_id)
        if session is None:
            raise Unavailable("Unavailable", f"The host of {instance_id} is not connected; try again later")
        return await session.console(instance_id, max_bytes)

    async def count(self, host_id: str, endpoint_ids: Sequence[str]) -> Sequence[Count]:
        """What rules that guard these have matched on their host. Raises Unavailable."""
        return await self._that_knows(host_id, Feature.COUNTERS, "count").count(endpoint_ids)

    async def drops(self, host_id: str, endpoint_ids: Sequence[str], after: int, wait_ms: int) -> DroppedPackets:
        """Which packets of these are dropped on their host, when there are any. Raises Unavailable."""
        return await self._that_knows(host_id, Feature.DROPS, "tell what it drops").drops(endpoint_ids, after, wait_ms)

    def _that_knows(self, host_id: str, feature: Feature, what: str) -> Session:
        host, session = self._journal.state.hosts.get(host_id), self._open.get(host_id)
        if host is None or session is None:
            raise Unavailable("Unavailable", "its host is not connected; try again later")
        if feature not in host.features:
            raise Unavailable("Unavailable", f"the agent of its host does not {what}: have it upgraded")
        return session

    def _on_revision(self, revision: Revision) -> None:
        self._touched.append((revision.number, touched(self._journal.state, revision.entries)))

    def _on_durable(self, revisions: list[Revision]) -> None:
        """Wake those for whom something changed, once it is all published."""
        scope_ids, host_ids = set[str](), set[str]()
        while self._touched and self._touched[0][0] <= revisions[-1].number:
            number, found = self._touched.popleft()
            self._feed.publish(number, found.objects)
            scope_ids |= {scope_id for scope_id, _ in found.objects}
            host_ids |= found.moved | found.waiting | {host_id for host_id, _ in found.joined}
            self._follow(found)
        self._feed.revision = revisions[-1].number
        host_ids |= self._takers.hosts(scope_ids)
        for host_id, session in self._open.items():  # In their order, so that a run can be repeated.
            if host_id in host_ids:
                session.wake()

    def _follow(self, found: Touched) -> None:
        self._takers.follow(found)
        for host_id in sorted(found.released & self._open.keys()):
            self._open[host_id].start_over()
        for host_id in sorted(found.removed):
            self._journal.apply(self._enforcement.gone(host_id))
            if host_id in self._open:
                self._open[host_id].end()
