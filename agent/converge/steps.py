"""The steps of a plan for one instance. `plan` chooses them, `instances` carries them out."""

from dataclasses import dataclass

from agent.devices import Device
from agent.model import DiskSpec, InstanceSpec, InterfaceSpec, Stall


@dataclass(frozen=True, slots=True)
class CreateTap:
    interface: InterfaceSpec


@dataclass(frozen=True, slots=True)
class StartPaused:
    spec: InstanceSpec


@dataclass(frozen=True, slots=True)
class NoteRun:
    """That the guest has run: before it does, since a crash in between shall claim too much rather than too little."""


@dataclass(frozen=True, slots=True)
class Plug:
    interface: InterfaceSpec


@dataclass(frozen=True, slots=True)
class Resume:
    spec: InstanceSpec
    stall: Stall | None = None


@dataclass(frozen=True, slots=True)
class SetLinks:
    is_up: bool


@dataclass(frozen=True, slots=True)
class Define:
    pass


@dataclass(frozen=True, slots=True)
class PressPowerButton:
    pass


@dataclass(frozen=True, slots=True)
class Destroy:
    pass


@dataclass(frozen=True, slots=True)
class Reboot:
    reboot_count: int


@dataclass(frozen=True, slots=True)
class Reset:
    pass


@dataclass(frozen=True, slots=True)
class CountReboot:
    reboot_count: int


@dataclass(frozen=True, slots=True)
class AttachDevice:
    device: Device


@dataclass(frozen=True, slots=True)
class DetachDevice:
    alias: str


@dataclass(frozen=True, slots=True)
class Unplug:
    interface_id: str


@dataclass(frozen=True, slots=True)
class NoteGuestOff:
    generation: int


@dataclass(frozen=True, slots=True)
class Remove:
    pass


Step = (
    CreateTap
    | StartPaused
    | NoteRun
    | Plug
    | Resume
    | SetLinks
    | Define
    | PressPowerButton
    | Destroy
    | Reboot
    | Reset
    | CountReboot
    | AttachDevice
    | DetachDevice
    | Unplug
    | NoteGuestOff
    | Remove
)


def disks_needed(todo: tuple[Step, ...]) -> tuple[DiskSpec, ...]:
    """Those whose storage hosts must answer before these steps are taken: QEMU would hang in its connection."""
    disks: list[DiskSpec] = []
    for step in todo:
        match step:
            case StartPaused(spec) | Resume(spec):
                disks.extend(spec.disks)
            case AttachDevice(DiskSpec() as disk):
                disks.append(disk)
    return tuple(dict.fromkeys(disks))
