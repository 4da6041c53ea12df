"""What libvirt has of ours, read and never changed. Each call blocks: for `Hypervisor.look`.

A domain is ours when it carries our metadata, or the UUID that goes with its name; any other is the operator's, and is
never shown.
"""

from collections.abc import Collection
from dataclasses import replace

import libvirt

from agent.drivers.compute_libvirt.descriptions import Descriptions, Known
from agent.drivers.compute_libvirt.domain_xml import Description
from agent.drivers.compute_libvirt.hypervisor import PERMANENT_CODES
from agent.drivers.compute_libvirt.lookup import ignoring, lookup
from agent.drivers.compute_libvirt.qemus import Qemus
from agent.model import Domain, OffReason, Power, Stall

INSTANCE_ID_PREFIX = "i-"

POWERS = {
    libvirt.VIR_DOMAIN_PAUSED: Power.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Power.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: Power.OFF,
    libvirt.VIR_DOMAIN_CRASHED: Power.OFF,
}  # What is left are ways to run, such as to be on the way down.

OFF_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: OffReason.UNPROVEN,
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: OffReason.DESTROYED,
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: OffReason.CRASHED,
}


def offers_kvm(connection: libvirt.virConnect) -> bool:
    """Whether libvirt finds KVM usable for the user that QEMU runs as."""
    try:
        connection.getDomainCapabilities(None, "x86_64", "q35", "kvm")
    except libvirt.libvirtError as error:
        if error.get_error_code() in PERMANENT_CODES:
            return False
        raise
    return True


def list_domains(connection: libvirt.virConnect, descriptions: Descriptions, qemus: Qemus) -> dict[str, Domain]:
    """Ours, by instance id. States of all come in one call; only what may be ours and is not known is asked for XML."""
    descriptions.begin_listing()
    stats = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
    may_be_ours = [
        (domain, (stated["state.state"], stated["state.reason"]))
        for domain, stated in stats
        if domain.name().startswith(INSTANCE_ID_PREFIX)
    ]
    active = [domain.UUIDString() for domain, (state, _) in may_be_ours if power(state) is not Power.OFF]
    stopped, transient = qemus.stopped(active), _transient(connection) if active else frozenset()
    found, while_there = {}, ignoring(libvirt.VIR_ERR_NO_DOMAIN)
    for domain, state in may_be_ours:
        with while_there:
            known = descriptions.of(domain, is_off=power(state[0]) is Power.OFF)
            seen = _see(domain, known, state, stopped)
            if seen is not None:
                found[seen.instance_id] = replace(seen, is_transient=True) if seen.instance_id in transient else seen
    return found


def _transient(connection: libvirt.virConnect) -> frozenset[str]:
    """Names of those that are gone when they are off."""
    return frozenset(each.name() for each in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT))


def look_at(
    connection: libvirt.virConnect, instance_id: str, descriptions: Descriptions, qemus: Qemus
) -> Domain | None:
    domain = lookup(connection, instance_id)
    if domain is None:
        return None
    with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        state, reason = domain.state()
        is_off = power(state) is Power.OFF
        stopped = frozenset() if is_off else qemus.stopped([domain.UUIDString()])
        seen = _see(domain, descriptions.read(domain, is_off=is_off), (state, reason), stopped)
        return seen and replace(seen, is_transient=not domain.isPersistent())
    return None


def power(state: int) -> Power:
    return POWERS.get(state, Power.RUNNING)


def _see(domain: libvirt.virDomain, known: Known, state: tuple[int, int], stopped: Collection[str]) -> Domain | None:
    """None where it isn't ours. Of one whose QEMU is stopped nothing is asked that would hang with it."""
    if known.description is None:
        return None
    if known.seen is None or known.state != state:
        known.seen, known.state = _domain(domain.name(), *state, known.description), state
    if known.seen.power is Power.OFF:
        return known.seen
    if domain.UUIDString() in stopped:
        return replace(known.seen, is_stopped=True)
    stall = _stall(domain, *state)
    return replace(known.seen, stall=stall) if stall else known.seen


def _stall(domain: libvirt.virDomain, state: int, reason: int) -> Stall | None:
    """Why QEMU paused it, where it did."""
    if (state, reason) != (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR):
        return None
    is_full = libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE in domain.diskErrors().values()
    return Stall.NO_SPACE if is_full else Stall.IO_ERROR


def _domain(instance_id: str, state: int, reason: int, description: Description) -> Domain:
    now, record = power(state), description.record
    has_ended = now is Power.OFF and record.has_run
    return Domain(
        instance_id=instance_id,
        power=now,
        generation=record.generation,
        has_run=record.has_run,
        reboot_count=record.reboot_count,
        export_names=() if now is Power.OFF else description.found.export_names,
        off_reason=_off_reason(state, reason) if has_ended else OffReason.NEVER_STARTED,
        damage=description.damage,
        devices={} if now is Power.OFF else description.devices,
        has_links_down=description.found.has_links_down,
    )


def _off_reason(state: int, reason: int) -> OffReason:
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return OffReason.CRASHED
    return OFF_REASONS.get(reason, OffReason.UNKNOWN)
