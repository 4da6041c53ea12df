"""What domains' XML says, kept from one listing to the next: to ask for it and to read it is most of what one costs.

It is read again after each of our calls that change the domain, each event about it, each start and end of its guest,
and a lost connection. And of every domain in every 240th listing, whatever happened: two hours, with the passes.
"""

from dataclasses import dataclass
from zlib import crc32

import libvirt

from agent.drivers.compute_libvirt import domain_xml
from agent.drivers.compute_libvirt.domain_xml import Description
from agent.drivers.compute_libvirt.lookup import ignoring
from agent.model import Domain

# Fewer costs each listing more; with more, what nobody told of is not seen for longer.
LISTINGS = 240

_OFF = -1


@dataclass(slots=True, eq=False)
class Known:
    """`seen`: what was made of it for `state`, so that the next listing need not."""

    life: int  # libvirt's number for this start of the guest; _OFF for one that is off.
    turn: int  # Spreads those that are read again over the listings.
    description: Description | None = None  # None: it isn't ours.
    is_read: bool = False
    state: tuple[int, int] = (-1, -1)
    seen: Domain | None = None


class Descriptions:
    """Asked by one thread, told by others: each step is one operation on the dict."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._listings = 0

    def begin_listing(self) -> None:
        self._listings += 1

    def drop(self, name: str) -> None:
        self._known.pop(name, None)

    def drop_all(self) -> None:
        self._known.clear()

    def of(self, domain: libvirt.virDomain, *, is_off: bool) -> Known:
        known = self._known.get(domain.name())
        life = _OFF if is_off else domain.ID()
        if known and known.is_read and known.life == life and (known.turn + self._listings) % LISTINGS:
            return known
        return self.read(domain, is_off=is_off)

    def read(self, domain: libvirt.virDomain, *, is_off: bool) -> Known:
        """As it is now; `is_off` as it was seen to be. Not kept where it is dropped meanwhile."""
        name = domain.name()
        known = self._known[name] = Known(_OFF if is_off else domain.ID(), crc32(name.encode()))
        known.description = _record_of(domain) if is_off else domain_xml.parse(domain.XMLDesc())
        known.is_read = True
        return known


def _record_of(domain: libvirt.virDomain) -> Description | None:
    """Without devices, which one that is off has none of: a tenth of what the whole XML costs."""
    with ignoring(libvirt.VIR_ERR_NO_DOMAIN_METADATA):
        return domain_xml.parse_metadata(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, domain_xml.NAMESPACE))
    return domain_xml.without_metadata(domain.name(), domain.UUIDString())
