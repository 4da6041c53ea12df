"""What libvirt tells in an event and does not remember: by whose will a guest went off, and that it restarted.

A domain that is off has the same reason, "shutdown", whether its guest powered itself off or somebody sent QEMU a
SIGTERM. Only what was told while we listened is proven; an agent that was away has seen nothing.
"""

from dataclasses import replace

import libvirt

from agent.model import Domain, OffReason


class Witness:
    """Told by libvirt's thread, asked by others: each set changes by one operation at a time."""

    def __init__(self) -> None:
        self._powered_off: set[str] = set()
        self._rebooted: set[str] = set()

    def lifecycle(self, instance_id: str, event: int, detail: int) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            self._powered_off.discard(instance_id)
        elif event == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN and detail == libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST:
            self._powered_off.add(instance_id)

    def rebooted(self, instance_id: str) -> None:
        self._rebooted.add(instance_id)

    def expect_reboot(self, instance_id: str) -> None:
        """Reboots before this one don't count."""
        self._rebooted.discard(instance_id)

    def complete(self, domain: Domain) -> Domain:
        """The domain as libvirt has it, with what was witnessed. Of most nothing was: those stay the same object."""
        off_reason, has_rebooted = domain.off_reason, domain.instance_id in self._rebooted
        if off_reason is OffReason.UNPROVEN and domain.instance_id in self._powered_off:
            off_reason = OffReason.SHUTDOWN
        if (off_reason, has_rebooted) == (domain.off_reason, domain.has_rebooted):
            return domain
        return replace(domain, off_reason=off_reason, has_rebooted=has_rebooted)
