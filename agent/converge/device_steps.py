"""What to do for one instance's devices and their taps. Pure; `plan` says when."""

from collections.abc import Iterable, Iterator, Mapping

from agent import devices
from agent.converge.steps import AttachDevice, CreateTap, DetachDevice, Plug, Step, Unplug
from agent.model import InstanceSpec, InterfaceSpec, PortState, parse_export_name

# Between two requests to the guest to let go of a device. Shorter interrupts a guest that is busy doing it; longer
# makes one that was not listening yet, e.g. while it boots, wait for nothing.
DETACH_AGAIN_S = 5.0


def tap(nic: InterfaceSpec, ports: Mapping[str, PortState]) -> Iterator[Step]:
    """One for QEMU to open. Made also where there is one: it may be half plugged, when an agent died over it."""
    if ports.get(nic.interface_id) is PortState.PLUGGED:  # Of an earlier QEMU, out of reach for the next.
        yield Unplug(nic.interface_id)
    yield CreateTap(nic)


def detach(
    spec: InstanceSpec, held: Mapping[str, str], asked_at: Mapping[str, float], now: float
) -> tuple[tuple[Step, ...], float | None]:
    """What is not wanted, or shall be otherwise: that is attached again once it is gone. And when to ask again."""
    wanted = devices.digests(spec)
    steps: list[Step] = []
    check_after_s = None
    for alias, digest in held.items():
        if alias in wanted and digest in (wanted[alias], devices.UNKNOWN):
            continue
        left_s = asked_at.get(alias, now - DETACH_AGAIN_S) + DETACH_AGAIN_S - now
        if left_s <= 0:
            steps.append(DetachDevice(alias))
            left_s = DETACH_AGAIN_S
        check_after_s = min(left_s, check_after_s or left_s)
    return tuple(steps), check_after_s


def attach(spec: InstanceSpec, held: Mapping[str, str], ports: Mapping[str, PortState]) -> Iterator[Step]:
    """A volume that is still there under an older epoch must go first: two disks of one name can't be.

    A tap is plugged after QEMU has opened it. Until then it is down: the guest, which runs, can't send.
    """
    volumes = {parse_export_name(devices.id_of(alias))[0] for alias in held}
    for disk in spec.disks:
        if devices.alias(disk) not in held and disk.volume_id not in volumes:
            yield AttachDevice(disk)
    for nic in spec.interfaces:
        if devices.alias(nic) not in held:
            yield from (*tap(nic, ports), AttachDevice(nic), Plug(nic))


def release(spec: InstanceSpec, held: Mapping[str, str], ports: Mapping[str, PortState]) -> Iterator[Step]:
    """Taps of interfaces that are wanted no more, once the guest has let go of them; where it is not waited for, at
    once.
    """
    wanted = {nic.interface_id for nic in spec.interfaces}
    kept = wanted.union(id for id in spec.leaving if devices.alias_of(id) in held)
    return (Unplug(id) for id in sorted(ports) if id not in kept)


def plug(interfaces: Iterable[InterfaceSpec], ports: Mapping[str, PortState]) -> tuple[Step, ...]:
    return tuple(Plug(nic) for nic in interfaces if ports.get(nic.interface_id) is not PortState.PLUGGED)


def unplug(ports: Mapping[str, PortState]) -> tuple[Step, ...]:
    return tuple(Unplug(interface_id) for interface_id in sorted(ports))
