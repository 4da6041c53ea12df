"""Network interfaces: their lives beside instances, their attachments, and their private addresses.

    free --attach--> attached --detach--> leaving --the guest was seen without it--> free

An instance's first interface, device 0, is made with it and stays with it.
"""

from dataclasses import replace

from controlplane.model.network import NetworkInterface
from controlplane.model.state import Change


def free(change: Change, interface: NetworkInterface) -> None:
    """No host has it any more: it is attached to nothing."""
    change.put(
        replace(
            interface,
            instance_id="",
            device_index=0,
            attachment_id="",
            attached_at=None,
            delete_on_termination=True,
            detach_host_id="",
            detach_revision=0,
            is_forced=False,
        )
    )


def end(change: Change, interface: NetworkInterface) -> None:
    """Its instance is gone, and so is what was to go with it."""
    if interface.delete_on_termination:
        change.delete(interface)
    else:
        free(change, interface)
