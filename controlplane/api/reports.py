"""What agents say, as far as it is kept: one in wrong hands may say more than a database keeps, and at any length."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from controlplane.model.host import Pool
from controlplane.model.instance import Observation, ObservedKind, VolumeFile, observation_id
from controlplane.reconcile.absorb import Report
from controlplane.service import hosts
from controlplane.service.dropped_packets import DroppedPacket, DroppedPackets
from controlplane.service.effective_rules import Count, Says
from stead.agent.v1 import session_pb2 as pb

KINDS: dict[int, ObservedKind] = {
    pb.RESOURCE_KIND_VOLUME: ObservedKind.VOLUME,
    pb.RESOURCE_KIND_EXPORT: ObservedKind.EXPORT,
    pb.RESOURCE_KIND_VPC: ObservedKind.VPC,
    pb.RESOURCE_KIND_GATEWAY: ObservedKind.GATEWAY,
    pb.RESOURCE_KIND_INSTANCE: ObservedKind.INSTANCE,
}
_MAX_COUNT = (1 << 63) - 1  # The largest that a database keeps.
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # Likewise.
_MAX_TEXT = 1000  # Of a reason, characters. Fewer: its end, which says most, is lost. More: memory, at an agent's will.
_MAX_NAME = 64  # Of a pool, likewise.
_NO_CONTROL = {code: " " for code in range(32) if chr(code) != "\n"}
# Of a report, taken in at once. Fewer: more steps for all. More: others wait for longer than the 10 ms that it takes.
MOST_ROWS = 500
_MAX_NATS = 5000  # NAT gateways of a host. Fewer: of some is not known what they carry. More: memory, likewise.
_MAX_COUNTED = 20_000  # Of an instance's rules. Fewer: prefix lists of a thousand networks. More: memory, likewise.
_MAX_DROPS = 1000  # Packets, in an answer. Fewer: a flood is told in part. More: memory, likewise.
_MAX_TEXTS = 64  # Problems of a host, exports of an instance: EC2's most volumes are 28.


def text(said: str, longest: int = _MAX_TEXT) -> str:
    """Without what no database or terminal takes."""
    return said[:longest].translate(_NO_CONTROL)


def capacity(message: pb.Capacity) -> hosts.Capacity:
    return hosts.Capacity(
        message.vcpus,
        min(message.memory_mib, _MAX_COUNT),
        min(message.storage_gib, _MAX_COUNT),
        tuple(map(text, message.problems[:_MAX_TEXTS])),
        text(message.wireguard_key),
        _pools(message),
    )


def nat_uses(message: pb.Capacity) -> dict[str, tuple[int, int]]:
    """Connections that NAT gateways carry, and those that they refused."""
    return {
        each.nat_gateway_id: (min(each.active_connections, _MAX_COUNT), min(each.refused_connections, _MAX_COUNT))
        for each in message.nat_gateways[:_MAX_NATS]
    }


def features(said: Sequence[str]) -> tuple[str, ...]:
    """In an order of their own: to say them in another is no news."""
    return tuple(sorted({text(name, _MAX_NAME) for name in said[:_MAX_TEXTS]}))


def _pools(message: pb.Capacity) -> tuple[Pool, ...]:
    """Each of its names once."""
    sizes = {text(pool.name, _MAX_NAME): min(pool.storage_gib, _MAX_COUNT) for pool in message.pools[:_MAX_TEXTS]}
    return tuple(Pool(name, storage_gib) for name, storage_gib in sizes.items())


def counts(message: pb.CountReply) -> list[Count]:
    return [
        Count(_says(each), min(each.packets, _MAX_COUNT), min(each.bytes, _MAX_COUNT))
        for each in message.counted[:_MAX_COUNTED]
    ]


def drops(message: pb.DropsReply) -> DroppedPackets:
    packets = [
        DroppedPacket(
            at_ms=min(each.at_ms, _LAST_SECOND * 1000),
            interface_id=text(each.interface_id, _MAX_NAME),
            guard=text(each.guard, _MAX_NAME),
            is_egress=each.is_egress,
            source=text(each.source, _MAX_NAME),
            destination=text(each.destination, _MAX_NAME),
            protocol=each.protocol,
            source_port=each.source_port,
            destination_port=each.destination_port,
        )
        for each in message.dropped[:_MAX_DROPS]
    ]
    return DroppedPackets(packets, message.after)


def _says(counted: pb.Counted) -> Says:
    rule = counted.rule
    return Says(
        guard_id=counted.guard_id,
        is_egress=rule.is_egress,
        is_allowed=counted.is_allowed,
        protocol=rule.ip_protocol,
        from_port=rule.from_port,
        to_port=rule.to_port,
        peer=rule.group_id or rule.cidr_ipv4,
    )


def rows(message: pb.Report) -> int:
    """How much there is to take in."""
    return len(message.observed) + len(message.gone)


def parts(host_id: str, message: pb.Report) -> Iterator[tuple[Report, int]]:
    """A report, as far as its kinds are known, with the revision that it answers.

    Of a long one that is the last part; those before answer none, and only bring what was seen.
    """
    observed, before, start = message.observed, set[str](), 0
    while start + MOST_ROWS < len(observed):
        rows = _observations(host_id, observed[start : start + MOST_ROWS])
        before.update(row.id for row in rows)
        start += MOST_ROWS
        yield Report(host_id, False, rows, (), ()), 0
    whole = Report(
        host_id=host_id,
        is_full=message.full,
        observed=_observations(host_id, observed[start:]),
        gone=[observation_id(host_id, KINDS[ref.kind], ref.id) for ref in message.gone if ref.kind in KINDS],
        kinds=kinds(message),
        before=before,
    )
    yield whole, message.revision


def kinds(message: pb.Report) -> list[ObservedKind]:
    """That it speaks for, of those that are known."""
    return [KINDS[kind] for kind in message.kinds if kind in KINDS]


def _observations(host_id: str, rows: Sequence[pb.Observed]) -> list[Observation]:
    return [_observation(host_id, row) for row in rows if row.ref.kind in KINDS]


def _observation(host_id: str, message: pb.Observed) -> Observation:
    ref, facts = message.ref, message.instance
    kind, resource_id = KINDS[ref.kind], ref.id
    return Observation(
        id=observation_id(host_id, kind, resource_id),
        host_id=host_id,
        kind=kind,
        resource_id=resource_id,
        converged=message.converged,
        error=text(message.error),
        permanent=message.permanent,
        running=facts.running,
        generation=min(facts.generation, _MAX_COUNT),
        has_run=facts.has_run,
        powered_off_by_guest=facts.powered_off_by_guest,
        reboot_count=min(facts.reboot_count, _MAX_COUNT),
        export_names=tuple(map(text, facts.export_names[:_MAX_TEXTS])),
        since=datetime.fromtimestamp(min(message.since, _LAST_SECOND), UTC) if message.since else None,
        file=_file(message.file) if message.HasField("file") else None,
        interface_ids=tuple(map(text, facts.interface_ids[:_MAX_TEXTS])),
    )


def _file(message: pb.VolumeFile) -> VolumeFile:
    return VolumeFile(
        size_bytes=min(message.size_bytes, _MAX_COUNT),
        deleted=message.deleted,
        epoch=min(message.epoch, _MAX_COUNT),
        changed_at=min(message.changed_at, _LAST_SECOND),
        pool=text(message.pool, _MAX_NAME),
    )
