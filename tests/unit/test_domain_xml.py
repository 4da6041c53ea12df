"""Domain XML: rendered whole against a golden file, and read back."""

import os
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase
from xml.etree import ElementTree

from agent.drivers.compute_libvirt import domain_xml
from agent.drivers.compute_libvirt.domain_xml import Platform, Record
from agent.model import DiskSpec, InstanceMetadata, InstanceSpec, InterfaceSpec

GOLDEN = Path(__file__).parents[1] / "golden"
PLATFORM = Platform("kvm", 1450, Path("/var/lib/stead/console/i-0123456789abcdef0.log"))
METADATA = InstanceMetadata("", "", "", "", "", "", "", "", (), b"<&\0", "", 0, "", "")
TAPS = {"eni-0123456789abcdef0": "st0123456789abc"}


def disk(number: int) -> DiskSpec:
    return DiskSpec(f"vol-{number:017x}", f"vol-{number:017x}-e{number}", "10.0.0.1", 10808 + number, "/dev/sdf")


SPEC = InstanceSpec(
    instance_id="i-0123456789abcdef0",
    generation=7,
    power_on=True,
    reboot_count=2,
    stop_timeout_s=120,
    vcpus=2,
    memory_mib=512,
    interfaces=(InterfaceSpec("eni-0123456789abcdef0", "vpc-1", "02:00:00:00:00:01", "172.31.0.5"),),
    disks=(disk(1), disk(2)),
    metadata=METADATA,
)


def test_golden() -> None:
    rendered = domain_xml.render(SPEC, TAPS, PLATFORM)
    golden = GOLDEN / "domain.xml"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(rendered + "\n")
    assert rendered + "\n" == golden.read_text()


def test_what_is_rendered_can_be_read() -> None:
    found = domain_xml.parse(domain_xml.render(SPEC, TAPS, PLATFORM))
    assert found is not None
    assert found.record == Record(generation=7, reboot_count=2, has_run=False)
    assert found.export_names == (disk(1).export_name, disk(2).export_name)
    assert found.disk_targets == {"vda", "vdb"}


def test_a_domain_without_our_metadata_is_not_ours() -> None:
    foreign = "<domain><name>i-0123456789abcdef0</name><metadata><x:instance xmlns:x='urn:other'/></metadata></domain>"
    assert domain_xml.parse(foreign) is None


def test_the_record_as_libvirt_takes_it() -> None:
    assert domain_xml.render_record(Record(3, 1, has_run=True)) == (
        '<instance generation="3" reboot_count="1" has_run="yes" />'
    )


def test_emulated_guests_get_all_that_the_emulator_has() -> None:
    root = ElementTree.fromstring(domain_xml.render(SPEC, TAPS, replace(PLATFORM, virt_type="qemu")))
    assert root.get("type") == "qemu"
    cpu = root.find("cpu")
    assert cpu is not None
    assert cpu.get("mode") == "maximum"


def test_a_hot_plugged_disk_takes_the_first_free_place() -> None:
    hot = ElementTree.fromstring(domain_xml.render_disk(disk(3), None, {"vda", "vdc"}))
    target = hot.find("target")
    assert target is not None
    assert target.get("dev") == "vdb"
    assert hot.find("boot") is None
    assert hot.findtext("serial") == "vol00000000000000003"


def test_an_export_on_the_same_host_is_opened_by_its_socket() -> None:
    socket = Path("/run/stead/exports/vol-00000000000000001-e1.sock")
    platform = replace(PLATFORM, sockets={SPEC.disks[0].export_name: socket})
    root = ElementTree.fromstring(domain_xml.render(SPEC, TAPS, platform))
    local, remote = root.iterfind("devices/disk/source")
    assert [dict(host.attrib) for host in local] == [{"transport": "unix", "socket": str(socket)}]
    assert (local.get("tls"), remote.get("tls")) == (None, "yes")
    hot = ElementTree.fromstring(domain_xml.render_disk(disk(3), socket, {"vda"}))
    assert [host.get("socket") for host in hot.iterfind("source/host")] == [str(socket)]


def test_places_go_on_after_z() -> None:
    hot = ElementTree.fromstring(domain_xml.render_disk(disk(3), None, {f"vd{letter}" for letter in ascii_lowercase}))
    assert [target.get("dev") for target in hot.iterfind("target")] == ["vdaa"]


def test_the_uuid_is_stable_and_of_ec2() -> None:
    uuids = {domain_xml.system_uuid(f"i-{number:017x}") for number in range(1000)}
    assert len(uuids) == 1000
    assert all(uuid.startswith("ec2") for uuid in uuids)
    assert domain_xml.system_uuid(SPEC.instance_id) == domain_xml.system_uuid(SPEC.instance_id)


def test_cloud_init_takes_it_for_ec2() -> None:
    """Where serial and UUID of the firmware's tables are the same, and begin with `ec2`."""
    root = ElementTree.fromstring(domain_xml.render(SPEC, TAPS, PLATFORM))
    told = {entry.get("name"): entry.text for entry in root.iterfind("sysinfo[@type='smbios']/system/entry")}
    assert told["serial"] == told["uuid"] == root.findtext("uuid")
    assert str(told["serial"]).startswith("ec2")
    assert root.find("os/smbios[@mode='sysinfo']") is not None
