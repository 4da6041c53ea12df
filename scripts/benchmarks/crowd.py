"""Makes many of a host's one instance, its one volume, or that one's export. Run on the host, while its agent is not.

    instances | volumes | exports    of what
    COUNT                            how many: instances are off, and exports are of the first volumes, to another host

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

from agent.ledger import Ledger
from agent.ledger_tables import Contents
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
HOST = Path("/var/lib/stead/identity/host.json")
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


def scopes(contents: Contents, what: str, count: int) -> Iterator[ScopeChange]:
    """What there was, and of one thing as many; what guests would have of the network goes."""
    for scope, rows in contents.scopes.items():
        made = [new for value in rows.values() for new in _many(value, what, range(count))]
        yield ScopeChange(scope, reset=True, put=tuple(Put(ref_of(value), value) for value in made))


def _many(value: Object, what: str, numbers: range) -> Iterator[Object]:
    match what, value:
        case "instances", Instance():
            yield from (replace(value, id=instance_id(number), power_on=False) for number in numbers)
        case "volumes", Volume():
            new = replace(value, size_bytes=VOLUME_BYTES, image=None, is_ready=False)
            yield from (value, *(replace(new, id=_volume_id(number)) for number in numbers))
        case "exports", Attachment():
            yield from (_export(value, number) for number in numbers)
        case _, Endpoint() | Address() | InternetGateway():
            return
        case _:
            yield value


def _export(value: Attachment, number: int) -> Attachment:
    volume_id = _volume_id(number)
    new = replace(value, id=f"{volume_id}-e1", volume_id=volume_id, epoch=1, port=FIRST_PORT + number)
    return replace(new, instance_id="i-0000000000000beef", client_host_id=ELSEWHERE)


def _volume_id(number: int) -> str:
    return f"vol-{number + 0xBE0000:017x}"


def template(contents: Contents) -> str:
    """The id of the one instance."""
    (found,) = (row.id for rows in contents.scopes.values() for row in rows.values() if isinstance(row, Instance))
    return found


def host_id() -> str:
    return str(json.loads(HOST.read_text())["host_id"])


async def main(what: str, count: int) -> None:
    ledger = Ledger(LEDGER, host_id())
    contents = ledger.load()
    if what == "instances":
        define(template(contents), count)
    await ledger.write(Update(contents.authority, tuple(scopes(contents, what, count)), snapshot=True))
    ledger.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
