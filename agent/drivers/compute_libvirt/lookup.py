"""Domains that may be gone."""

import contextlib
from collections.abc import Iterator

import libvirt


def lookup(connection: libvirt.virConnect, instance_id: str) -> libvirt.virDomain | None:
    with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        return connection.lookupByName(instance_id)
    return None


@contextlib.contextmanager
def ignoring(code: int) -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != code:
            raise
