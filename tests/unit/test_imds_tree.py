"""What the metadata service tells."""

import json
from dataclasses import replace

from agent.imds import tree
from agent.model import AddressMapping, DiskSpec, InstanceMetadata, InstanceSpec, InterfaceMetadata, InterfaceSpec

MAC, SECOND = "02:00:00:00:00:01", "02:00:00:00:00:02"
INTERFACE = InterfaceMetadata(
    interface_id="eni-0123456789abcdef0",
    host_name="ip-172-31-0-5.home-1.compute.internal",
    public_ips=(AddressMapping("203.0.113.7", "172.31.0.5"),),
    subnet_id="subnet-0123456789abcdef0",
    subnet_cidr_block="172.31.0.0/20",
    vpc_cidr_block="172.31.0.0/16",
    group_ids=("sg-00000000000000001", "sg-00000000000000002"),
    security_groups=("default", "web"),
)
SPEC = InstanceSpec(
    instance_id="i-0123456789abcdef0",
    generation=1,
    power_on=True,
    reboot_count=0,
    stop_timeout_s=120,
    vcpus=1,
    memory_mib=512,
    interfaces=(InterfaceSpec("eni-0123456789abcdef0", "vpc-0123456789abcdef0", MAC, "172.31.0.5"),),
    disks=(
        DiskSpec("vol-00000000000000001", "vol-00000000000000001-e1", "10.0.0.1", 10809, "/dev/sda1"),
        DiskSpec("vol-00000000000000002", "vol-00000000000000002-e1", "10.0.0.1", 10810, "/dev/sdf"),
    ),
    metadata=InstanceMetadata(
        image_id="ami-0123456789abcdef0",
        instance_type="t3.nano",
        zone_name="home-1a",
        region_name="home-1",
        host_name="ip-172-31-0-5.home-1.compute.internal",
        public_ip="203.0.113.7",
        key_name="my-key",
        public_key="ssh-ed25519 AAAA me",
        security_groups=("default", "web"),
        user_data=b"#!/bin/sh\n\xff",
        reservation_id="r-0123456789abcdef0",
        launch_index=2,
        subnet_id="subnet-0123456789abcdef0",
        subnet_cidr_block="172.31.0.0/20",
        owner_id="proj-0123456789abcdef0",
        interfaces=(INTERFACE,),
    ),
)


def test_everything_that_is_told() -> None:
    interface = f"network/interfaces/macs/{MAC}"
    told = {path: page.decode() for path, page in tree.pages(SPEC).items() if path.startswith("meta-data/")}
    assert {path.removeprefix("meta-data/"): page for path, page in told.items() if not path.endswith("/")} == {
        "ami-id": "ami-0123456789abcdef0",
        "ami-launch-index": "2",
        "ami-manifest-path": "(unknown)",
        "block-device-mapping/ami": "/dev/sda1",
        "block-device-mapping/root": "/dev/sda1",
        "block-device-mapping/ebs1": "/dev/sdf",
        "events/maintenance/history": "[]",
        "events/maintenance/scheduled": "[]",
        "hibernation/configured": "false",
        "hostname": "ip-172-31-0-5.home-1.compute.internal",
        "instance-action": "none",
        "instance-id": "i-0123456789abcdef0",
        "instance-life-cycle": "on-demand",
        "instance-type": "t3.nano",
        "local-hostname": "ip-172-31-0-5.home-1.compute.internal",
        "local-ipv4": "172.31.0.5",
        "mac": MAC,
        f"{interface}/device-number": "0",
        f"{interface}/interface-id": "eni-0123456789abcdef0",
        f"{interface}/local-ipv4s": "172.31.0.5",
        f"{interface}/mac": MAC,
        f"{interface}/network-card": "0",
        f"{interface}/owner-id": "proj-0123456789abcdef0",
        f"{interface}/security-group-ids": "sg-00000000000000001\nsg-00000000000000002",
        f"{interface}/vpc-id": "vpc-0123456789abcdef0",
        f"{interface}/vpc-ipv4-cidr-block": "172.31.0.0/16",
        f"{interface}/vpc-ipv4-cidr-blocks": "172.31.0.0/16",
        f"{interface}/local-hostname": "ip-172-31-0-5.home-1.compute.internal",
        f"{interface}/security-groups": "default\nweb",
        f"{interface}/subnet-id": "subnet-0123456789abcdef0",
        f"{interface}/subnet-ipv4-cidr-block": "172.31.0.0/20",
        f"{interface}/ipv4-associations/203.0.113.7": "172.31.0.5",
        f"{interface}/public-ipv4s": "203.0.113.7",
        "placement/availability-zone": "home-1a",
        "placement/availability-zone-id": "home-1a",
        "placement/region": "home-1",
        "profile": "default-hvm",
        "public-ipv4": "203.0.113.7",
        "public-keys/0/openssh-key": "ssh-ed25519 AAAA me",
        "reservation-id": "r-0123456789abcdef0",
        "security-groups": "default\nweb",
        "services/domain": "stead.internal",
        "services/partition": "stead",
    }


def test_each_interface_is_told_of() -> None:
    second = replace(
        SPEC.interfaces[0], interface_id="eni-0123456789abcdef1", mac_address=SECOND, private_ip="172.31.16.5"
    )
    about = replace(
        INTERFACE, interface_id=second.interface_id, public_ips=(), subnet_id="subnet-0123456789abcdef1",
        subnet_cidr_block="172.31.16.0/20", group_ids=("sg-00000000000000003",), security_groups=("db",),
        device_index=3, secondary_ips=("172.31.16.6", "172.31.16.7"),
    )  # fmt: skip
    both = replace(
        SPEC,
        interfaces=(*SPEC.interfaces, second),
        metadata=replace(SPEC.metadata, interfaces=(*SPEC.metadata.interfaces, about)),
    )
    pages = {path: page.decode("latin-1") for path, page in tree.pages(both).items()}
    macs = "meta-data/network/interfaces/macs/"
    assert pages[macs] == f"{MAC}/\n{SECOND}/"
    told = {path.removeprefix(f"{macs}{SECOND}/"): page for path, page in pages.items() if f"{SECOND}/" in path}
    assert told["device-number"] == "3"
    assert told["local-ipv4s"] == "172.31.16.5\n172.31.16.6\n172.31.16.7"
    assert told["subnet-ipv4-cidr-block"] == "172.31.16.0/20"
    assert told["security-groups"] == "db"
    assert "public-ipv4s" not in told
    assert "public-hostname" not in told
    assert "ipv4-associations/" not in told
    assert pages["meta-data/local-ipv4"] == "172.31.0.5"


def test_a_public_name_is_told_where_there_is_one() -> None:
    named = replace(INTERFACE, public_host_name="ec2-203-0-113-7.x.internal")
    pages = tree.pages(replace(SPEC, metadata=replace(SPEC.metadata, interfaces=(named,))))
    assert pages["meta-data/public-hostname"] == b"ec2-203-0-113-7.x.internal"
    assert pages[f"meta-data/network/interfaces/macs/{MAC}/public-hostname"] == b"ec2-203-0-113-7.x.internal"


def test_what_an_instance_has_not_is_absent() -> None:
    bare = replace(
        SPEC,
        metadata=replace(
            SPEC.metadata, public_ip="", public_key="", key_name="", user_data=b"",
            interfaces=(replace(INTERFACE, public_ips=()),),
        ),
    )  # fmt: skip
    paths = tree.pages(bare)
    assert not [path for path in paths if "public" in path or "user-data" in path or "associations" in path]


def test_tags_where_they_are_told() -> None:
    tagged = replace(SPEC, metadata=replace(SPEC.metadata, tags={"Name": "wéb", "a=b": ""}))
    pages = tree.pages(tagged)
    assert pages["meta-data/tags/"] == b"instance/"
    assert pages["meta-data/tags/instance/"] == b"Name\na=b"
    assert pages["meta-data/tags/instance/Name"] == "wéb".encode()
    assert pages["meta-data/tags/instance/a=b"] == b""
    assert not [path for path in tree.pages(SPEC) if "tags" in path]


def test_directories_and_data() -> None:
    pages = tree.pages(SPEC)
    assert pages["user-data"] == b"#!/bin/sh\n\xff"
    assert pages["/"] == b"dynamic\nmeta-data\nuser-data"
    assert pages["meta-data/placement/"] == b"availability-zone\navailability-zone-id\nregion"
    assert pages["meta-data/public-keys/"] == b"0=my-key"
    assert pages["meta-data/public-keys/0/"] == b"openssh-key"


def test_identity_document() -> None:
    document = json.loads(tree.pages(SPEC)["dynamic/instance-identity/document"])
    assert document["instanceId"] == SPEC.instance_id
    assert document["accountId"] == "proj-0123456789abcdef0"
    assert document["architecture"] == SPEC.machine.architecture
    without = ("billingProducts", "devpayProductCodes", "kernelId", "marketplaceProductCodes", "ramdiskId")
    assert [document[name] for name in without] == [None] * 5
