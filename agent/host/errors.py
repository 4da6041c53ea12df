"""What the host refuses, in the two errors that a driver may raise."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.drivers.base import Permanent, Transient
from agent.host.netlink import NetlinkError
from agent.host.nft import NftError
from agent.host.process import CommandFailed


@contextmanager
def reported(what: str) -> Iterator[None]:
    """What the host refuses may work later; what the spec says wrong will not."""
    try:
        yield
    except (OSError, NetlinkError, NftError, CommandFailed) as error:
        raise Transient(f"{what}: {error}") from error
    except ValueError as error:
        raise Permanent(f"{what}: {error}") from error
