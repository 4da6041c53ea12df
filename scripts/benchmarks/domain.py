"""The floor of a launch: libvirt alone. Run on a host: starts copies of a domain that runs there, and removes them.

    INSTANCE IMAGE COUNT    of which domain, the image for their overlays, and how many, with four threads

One is also waited for until its ssh server says its name. Prints what took how long, in seconds.
"""

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import libvirt

from benchmarks import banner, site

THREADS = 4
OVERLAYS = Path("/var/lib/libvirt/images")


def copy(xml: str, number: int, overlay: Path) -> str:
    """Another's XML, with what must be its own, and without our mark: it isn't the agent's."""
    xml = re.sub(r"<name>.*?</name>", f"<name>stead-bench-{number}</name>", xml)
    (others_uuid,) = re.findall(r"<uuid>(.*?)</uuid>", xml)
    xml = xml.replace(others_uuid, str(uuid.uuid4()))  # In <sysinfo>, too.
    xml = re.sub(r"<metadata\b.*?</metadata>", "", xml, flags=re.DOTALL)
    xml = re.sub(r"<disk\b.*</disk>", _disk(overlay), xml, flags=re.DOTALL)
    xml = re.sub(r"<mac address='[^']*'/>", f"<mac address='0a:00:00:00:be:{number:02x}'/>", xml)
    xml = re.sub(r"<log file='[^']*'[^>]*/>", "", xml)
    return re.sub(r"<target dev='stt[^']*' managed='no'/>", f"<target dev='{_tap(number)}' managed='no'/>", xml)


def _disk(overlay: Path) -> str:
    return (
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/>"
        f"<source file='{overlay}'/><target dev='vda' bus='virtio'/><boot order='1'/></disk>"
    )


def _tap(number: int) -> str:
    return f"stbench{number}"


def measure(instance_id: str, image: str, count: int) -> dict[str, float | str]:
    connection = libvirt.open("qemu:///system")
    xml = connection.lookupByName(instance_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    OVERLAYS.mkdir(exist_ok=True)
    with ExitStack() as stack, ThreadPoolExecutor(THREADS) as pool:
        for number in range(count):
            stack.enter_context(_place(connection, number))
        if count == 1:
            stack.enter_context(site.serving(_tap(0)))
        began = time.monotonic()
        list(pool.map(lambda number: _start(connection, xml, number, image), range(count)))
        running_s = time.monotonic() - began
        answered_s = banner.wait(site.GUEST) - began if count == 1 else 0.0
    return {"running_s": running_s, "answered_s": answered_s, "virt_type": re.findall(r"<domain type=.(\w+)", xml)[0]}


def _start(connection: Any, xml: str, number: int, image: str) -> None:
    overlay = _overlay(number)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", overlay], check=True)
    domain = connection.defineXML(copy(xml, number, overlay))
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    domain.resume()


@contextmanager
def _place(connection: Any, number: int) -> Iterator[None]:
    """A tap; nothing is left of the domain afterwards."""
    subprocess.run(["ip", "tuntap", "add", "dev", _tap(number), "mode", "tap", "vnet_hdr"], check=True)
    try:
        yield
    finally:
        for domain in connection.listAllDomains():
            if domain.name() == f"stead-bench-{number}":
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        subprocess.run(["ip", "link", "del", _tap(number)], check=True)
        _overlay(number).unlink(missing_ok=True)


def _overlay(number: int) -> Path:
    return OVERLAYS / f"stead-bench-{number}.qcow2"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
