"""The floor of a launch: libvirt alone. Run on a host: defines a domain, starts it paused, resumes it, removes it.

The domain is a copy of one that runs, without its disk, whose export admits one connection; it lives for an instant.
"""

import json
import re
import subprocess
import sys
import time
import uuid

import libvirt

NAME, TAP = "stead-bench", "stbench0"


def copy(xml: str) -> str:
    """Another's XML, with what must be its own, and without our mark: it isn't the agent's."""
    xml = re.sub(r"<name>.*?</name>", f"<name>{NAME}</name>", xml)
    (others_uuid,) = re.findall(r"<uuid>(.*?)</uuid>", xml)
    xml = xml.replace(others_uuid, str(uuid.uuid4()))  # In <sysinfo>, too.
    xml = re.sub(r"<(metadata|disk)\b.*?</\1>", "", xml, flags=re.DOTALL)
    xml = re.sub(r"<mac address='[^']*'/>", "<mac address='0a:00:00:00:be:ef'/>", xml)
    xml = re.sub(r"<log file='[^']*'[^>]*/>", "", xml)
    return re.sub(r"<target dev='stt[^']*' managed='no'/>", f"<target dev='{TAP}' managed='no'/>", xml)


def measure(instance_id: str) -> dict[str, float | str]:
    """Seconds from the definition to a running guest, and whether KVM or QEMU itself runs it."""
    connection = libvirt.open("qemu:///system")
    xml = copy(connection.lookupByName(instance_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    subprocess.run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr"], check=True)
    try:
        began = time.perf_counter()
        domain = connection.defineXML(xml)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        domain.resume()
        took_s = time.perf_counter() - began
        domain.destroy()
        domain.undefine()
    finally:
        subprocess.run(["ip", "link", "del", TAP], check=True)
    return {"took_s": took_s, "virt_type": re.findall(r"<domain type=.(\w+)", xml)[0]}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
