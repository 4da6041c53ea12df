"""Domain XML: rendered whole against a golden file, and read back."""

import os
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase
from xml.etree import ElementTree

import pytest

from agent import devices
from agent.drivers.compute_libvirt import device_xml, domain_xml
from agent.drivers.compute_libvirt.device_xml import Backends
from agent.drivers.compute_libvirt.domain_xml import Platform, Record
from agent.model import DiskSpec, InstanceMetadata, InstanceSpec, InterfaceSpec, Machine

GOLDEN = Path(__file__).parents[1] / "golden"
BACKENDS = Backends({"eni-0123456789abcdef0": "st0123456789abc"}, mtu=1450)
PLATFORM = Platform("kvm", Path("/var/lib/stead/console/i-0123456789abcdef0.log"), BACKENDS)
METADATA = InstanceMetadata("", "", "", "", "", "", "", "", (), b"<&\0", "", 0, "", "")


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
    rendered = domain_xml.render(SPEC, PLATFORM)
    golden = GOLDEN / "domain.xml"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(rendered + "\n")
    assert rendered + "\n" == golden.read_text()


def test_what_is_rendered_can_be_read() -> None:
    found = domain_xml.parse(domain_xml.render(SPEC, PLATFORM))
    assert found is not None
    assert found.record == Record(7, 2, has_run=False, digests=devices.digests(SPEC))
    assert found.devices == devices.digests(SPEC)
    assert found.found.export_names == (disk(1).export_name, disk(2).export_name)
    assert found.found.disk_targets == {"vda", "vdb"}


def test_a_disk_that_is_read_only_is_so_for_the_guest_and_is_another_device() -> None:
    closed = replace(disk(2), read_only=True)
    for spec in (disk(2), closed):
        assert (device_xml.disk(spec, "vdb", BACKENDS).find("readonly") is not None) == spec.read_only
    assert devices.digest(closed) != devices.digest(disk(2)) == "8bfe8ebde115b992", "as ever"
    assert devices.alias(closed) == devices.alias(disk(2))


def test_a_domain_of_before_has_devices_without_digests() -> None:
    """Its disks by their exports, its interfaces by their MACs: neither alias nor digest was written then."""
    root = ElementTree.fromstring(domain_xml.render(SPEC, PLATFORM))
    (record,) = root.iterfind(f"metadata/{{{domain_xml.NAMESPACE}}}instance")
    for device in list(record):
        record.remove(device)
    interface = root.find("devices/interface")
    assert interface is not None
    interface.remove(next(interface.iterfind("alias")))
    found = domain_xml.parse(ElementTree.tostring(root, encoding="unicode"))
    assert found is not None
    assert found.damage == ""
    assert devices.recognised(found.devices, SPEC.interfaces) == dict.fromkeys(devices.digests(SPEC), devices.UNKNOWN)


def test_a_digest_of_what_is_not_there_says_nothing() -> None:
    """As after a crash between the digest and its device."""
    xml = domain_xml.render(SPEC, PLATFORM)
    missing = '<stead:device alias="ua-vol-00000000000000009-e1" digest="0123" />'
    found = domain_xml.parse(xml.replace("</stead:instance>", f"{missing}</stead:instance>"))
    assert found is not None
    assert "ua-vol-00000000000000009-e1" in found.record.digests
    assert found.devices == devices.digests(SPEC)


@pytest.mark.parametrize("uuid", ["", "<uuid>ec2d4f0c-0000-4000-8000-000000000000</uuid>"])
def test_a_domain_with_neither_our_metadata_nor_our_uuid_is_not_ours(uuid: str) -> None:
    metadata = "<metadata><x:instance xmlns:x='urn:other'/></metadata>"
    assert domain_xml.parse(f"<domain><name>{SPEC.instance_id}</name>{uuid}{metadata}</domain>") is None
    assert domain_xml.without_metadata(SPEC.instance_id, "ec2d4f0c-0000-4000-8000-000000000000") is None


@pytest.mark.parametrize("left", ["", "<metadata/>", f"<metadata><s:x xmlns:s='{domain_xml.NAMESPACE}'/></metadata>"])
def test_a_domain_of_our_uuid_is_ours_whatever_became_of_its_metadata(left: str) -> None:
    rendered = domain_xml.render(SPEC, PLATFORM)
    before, after = rendered.split("<metadata>")[0], rendered.split("</metadata>")[1]
    found = domain_xml.parse(before + left + after)
    assert found is not None
    assert (found.record, found.damage) == (Record(0, 0), "its metadata is gone")
    assert found.devices == dict.fromkeys(devices.digests(SPEC), devices.UNKNOWN)
    assert found.found.export_names == (disk(1).export_name, disk(2).export_name)
    off = domain_xml.without_metadata(SPEC.instance_id, domain_xml.system_uuid(SPEC.instance_id))
    assert off is not None
    assert (off.record, off.devices, off.damage) == (found.record, {}, found.damage)


def test_the_record_as_libvirt_takes_it() -> None:
    assert domain_xml.render_record(Record(3, 1, has_run=True)) == (
        '<instance generation="3" reboot_count="1" has_run="yes" />'
    )
    assert domain_xml.render_record(Record(3, 1, digests={"ua-eni-1": "0123"})) == (
        '<instance generation="3" reboot_count="1" has_run="no"><device alias="ua-eni-1" digest="0123" /></instance>'
    )


def test_what_metadata_alone_tell_of_a_domain_that_is_off() -> None:
    record = Record(3, 1, has_run=True, digests={"ua-eni-1": "0123"})
    found = domain_xml.parse_metadata(domain_xml.render_record(record))
    assert (found.record, found.devices, found.damage) == (record, {}, "")
    assert "many" in domain_xml.parse_metadata('<instance generation="many" />').damage


def test_emulated_guests_get_all_that_the_emulator_has() -> None:
    root = ElementTree.fromstring(domain_xml.render(SPEC, replace(PLATFORM, virt_type="qemu")))
    assert root.get("type") == "qemu"
    cpu = root.find("cpu")
    assert cpu is not None
    assert cpu.get("mode") == "maximum"


def test_the_spec_says_what_the_machine_is() -> None:
    machine = Machine("pc-q35-7.2", "uefi", "x86_64", "Skylake-Server")
    root = ElementTree.fromstring(domain_xml.render(replace(SPEC, machine=machine), PLATFORM))
    assert root.find("os[@firmware='efi']/type[@machine='pc-q35-7.2'][@arch='x86_64']") is not None
    assert root.findtext("cpu[@mode='custom']/model") == "Skylake-Server"


def test_a_hot_plugged_disk_takes_the_first_free_place() -> None:
    hot = ElementTree.fromstring(device_xml.render(disk(3), Backends(), {"vda", "vdc"}))
    target = hot.find("target")
    assert target is not None
    assert target.get("dev") == "vdb"
    assert hot.find("boot") is None
    assert hot.findtext("serial") == "vol00000000000000003"


def test_an_export_on_the_same_host_is_opened_by_its_socket() -> None:
    socket = Path("/run/stead/exports/vol-00000000000000001-e1.sock")
    platform = replace(PLATFORM, backends=replace(BACKENDS, sockets={SPEC.disks[0].export_name: socket}))
    root = ElementTree.fromstring(domain_xml.render(SPEC, platform))
    local, remote = root.iterfind("devices/disk/source")
    assert [dict(host.attrib) for host in local] == [{"transport": "unix", "socket": str(socket)}]
    assert (local.get("tls"), remote.get("tls")) == (None, "yes")
    hot = ElementTree.fromstring(device_xml.render(disk(3), Backends(sockets={disk(3).export_name: socket}), {"vda"}))
    assert [host.get("socket") for host in hot.iterfind("source/host")] == [str(socket)]


def test_places_go_on_after_z() -> None:
    hot = ElementTree.fromstring(device_xml.render(disk(3), Backends(), {f"vd{letter}" for letter in ascii_lowercase}))
    assert [target.get("dev") for target in hot.iterfind("target")] == ["vdaa"]


def test_the_uuid_is_stable_and_of_ec2() -> None:
    uuids = {domain_xml.system_uuid(f"i-{number:017x}") for number in range(1000)}
    assert len(uuids) == 1000
    assert all(uuid.startswith("ec2") for uuid in uuids)
    assert domain_xml.system_uuid(SPEC.instance_id) == domain_xml.system_uuid(SPEC.instance_id)


def test_cloud_init_takes_it_for_ec2() -> None:
    """Where serial and UUID of the firmware's tables are the same, and begin with `ec2`."""
    root = ElementTree.fromstring(domain_xml.render(SPEC, PLATFORM))
    told = {entry.get("name"): entry.text for entry in root.iterfind("sysinfo[@type='smbios']/system/entry")}
    assert told["serial"] == told["uuid"] == root.findtext("uuid")
    assert str(told["serial"]).startswith("ec2")
    assert root.find("os/smbios[@mode='sysinfo']") is not None
