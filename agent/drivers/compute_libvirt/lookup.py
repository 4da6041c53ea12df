"""Domains that may be gone."""

import libvirt


def lookup(connection: libvirt.virConnect, instance_id: str) -> libvirt.virDomain | None:
    with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        return connection.lookupByName(instance_id)
    return None


class ignoring:
    """What libvirt raises with this code ends the block, and no more. One serves for many blocks."""

    def __init__(self, code: int) -> None:
        self._code = code

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _where: object) -> bool:
        return isinstance(error, libvirt.libvirtError) and error.get_error_code() == self._code
