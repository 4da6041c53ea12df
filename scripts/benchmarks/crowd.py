"""Makes a host's one instance many that are off. Run on the host, while its agent is not.

    COUNT EXPORTS   how many instances, each with a volume, and how many volumes are open to another host

Domains are copies of the one that the agent made, and what the agent is to want are copies of what it was told, in its
ledger: whatever these consist of. The agent makes the volumes and the exports.
"""

import asyncio
import json
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import libvirt

from agent.ledger import Contents, Ledger
from agent.messages import Update
from agent.objects import (
    Address,
    Attachment,
    Endpoint,
    Instance,
    InternetGateway,
    Object,
    Put,
    ScopeChange,
    Volume,
    ref_of,
)

LEDGER = Path("/var/lib/stead/ledger.sqlite")
VOLUME_BYTES = 1 << 20
FIRST_PORT = 20_000
ELSEWHERE = "host-0000000000000beef"


def instance_id(number: int) -> str:
    return f"i-{number + 0xBE0000:017x}"


def define(template: str, count: int) -> None:
    connection = libvirt.open("qemu:///system")
    xml = connection.lookupByName(template).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    (its_uuid,) = re.findall(r"<uuid>(.*?)</uuid>", xml)
    for number in range(count):
        connection.defineXML(xml.replace(template, instance_id(number)).replace(its_uuid, str(uuid.uuid4())))


class Crowd:
    """The objects of as many, after those of the one; what guests would have of the network goes."""

    def __init__(self, contents: Contents, count: int, exports: int) -> None:
        self._contents = contents
        self._numbers = range(count)
        self._exports = exports

    def scopes(self) -> Iterator[ScopeChange]:
        for scope, rows in self._contents.scopes.items():
            made = [new for value in rows.values() for new in self._many(value)]
            yield ScopeChange(scope, reset=True, put=tuple(Put(ref_of(value), value) for value in made))

    def _many(self, value: Object) -> Iterator[Object]:
        match value:
            case Instance():
                yield from (replace(value, id=instance_id(number), power_on=False) for number in self._numbers)
            case Volume():
                new = replace(value, size_bytes=VOLUME_BYTES, image=None, is_ready=False)
                yield from (replace(new, id=_volume_id(number)) for number in self._numbers)
            case Attachment():
                yield from (self._export(value, number) for number in self._numbers[: self._exports])
            case Endpoint() | Address() | InternetGateway():
                return
            case _:
                yield value

    def _export(self, value: Attachment, number: int) -> Attachment:
        volume_id = _volume_id(number)
        new = replace(value, id=f"{volume_id}-e1", volume_id=volume_id, epoch=1, port=FIRST_PORT + number)
        return replace(new, instance_id="i-0000000000000beef", client_host_id=ELSEWHERE)


def _volume_id(number: int) -> str:
    return f"vol-{number + 0xBE0000:017x}"


def template(contents: Contents) -> str:
    """The id of the one instance."""
    (found,) = (row.id for rows in contents.scopes.values() for row in rows.values() if isinstance(row, Instance))
    return found


async def main(count: int, exports: int) -> None:
    ledger = Ledger(LEDGER)
    contents = ledger.load()
    define(template(contents), count)
    scopes = tuple(Crowd(contents, count, exports).scopes())
    await ledger.write(Update(contents.authority, scopes, snapshot=True))
    ledger.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))))
