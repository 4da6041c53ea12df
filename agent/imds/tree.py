"""What the metadata service tells an instance, as a tree of names, and page by page. Pure: no requests, no tokens.

Names and meanings: "Instance metadata categories" in the EC2 user guide. All that cloud-init, Ignition and Afterburn
read is here. What does not apply is left out, as EC2 does: roles, spot and auto scaling. A zone has one name for
everybody, which is its id as well. The domain of `services` leads nowhere by itself.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from agent.imds.identities import Identity
from agent.model import InstanceSpec, InterfaceMetadata, InterfaceSpec

Tree: TypeAlias = Mapping[str, "Node"]
Node: TypeAlias = str | bytes | Tree


def metadata(spec: InstanceSpec, signed: Identity | None = None) -> Tree:
    """Everything below a version. What was signed is told as it was signed."""
    user_data: Tree = {"user-data": spec.metadata.user_data} if spec.metadata.user_data else {}
    return {
        "dynamic": {
            "fws": {"instance-monitoring": "disabled"},
            "instance-identity": _signed(signed) if signed else {"document": _identity_document(spec)},
        },
        "meta-data": _meta_data(spec),
        **user_data,
    }


def pages(spec: InstanceSpec, signed: Identity | None = None) -> dict[str, bytes]:
    """All that there is to read, by path below a version; those of directories end with a slash."""
    top = metadata(spec, signed)
    found = dict(_pages("", top))
    found["/"] = "\n".join(top).encode()  # The one listing in which EC2 leaves the slashes out.
    if (keys := "meta-data/public-keys/") in found:  # The one directory whose listing tells more than its names.
        found[keys] = f"0={spec.metadata.key_name}".encode()
    return found


def _pages(path: str, node: Node) -> Iterator[tuple[str, bytes]]:
    if isinstance(node, Mapping):
        yield f"{path}/", _listing(node).encode()
        for name, child in node.items():
            yield from _pages(f"{path}/{name}" if path else name, child)
    else:
        yield path, node if isinstance(node, bytes) else node.encode()


def _listing(directory: Tree) -> str:
    """One name a line; those of directories end with a slash."""
    return "\n".join(f"{name}/" if isinstance(node, Mapping) else name for name, node in directory.items())


def _meta_data(spec: InstanceSpec) -> Tree:
    told, first = spec.metadata, spec.interfaces[0]
    public_host_name = next((each.public_host_name for each in told.interfaces if each.host_name), "")
    return {
        "ami-id": told.image_id,
        "ami-launch-index": str(told.launch_index),
        "ami-manifest-path": "(unknown)",  # As for all that boots from a volume.
        "block-device-mapping": _block_devices(spec),
        "events": {"maintenance": {"history": "[]", "scheduled": "[]"}},
        "hibernation": {"configured": "false"},
        "hostname": told.host_name,
        "instance-action": "none",
        "instance-id": spec.instance_id,
        "instance-life-cycle": "on-demand",
        "instance-type": told.instance_type,
        "local-hostname": told.host_name,
        "local-ipv4": first.private_ip,
        "mac": first.mac_address,
        "network": {"interfaces": {"macs": _interfaces(spec)}},
        "placement": {
            "availability-zone": told.zone_name,
            "availability-zone-id": told.zone_name,
            "region": told.region_name,
        },
        "profile": "default-hvm",
        **({"public-hostname": public_host_name} if public_host_name else {}),
        **({"public-ipv4": told.public_ip} if told.public_ip else {}),
        **({"public-keys": {"0": {"openssh-key": told.public_key}}} if told.public_key else {}),
        "reservation-id": told.reservation_id,
        "security-groups": "\n".join(told.security_groups),
        "services": {"domain": "stead.internal", "partition": "stead"},
        **({"tags": {"instance": told.tags}} if told.tags else {}),
    }


def _block_devices(spec: InstanceSpec) -> Tree:
    """The root disk under both its names, then the volumes."""
    names = [disk.device_name for disk in spec.disks]
    roots = {"ami": names[0], "root": names[0]} if names else {}
    return {**roots, **{f"ebs{number}": name for number, name in enumerate(names[1:], start=1)}}


def _interfaces(spec: InstanceSpec) -> Tree:
    about = {told.interface_id: told for told in spec.metadata.interfaces}
    return {
        interface.mac_address: _interface(interface, about[interface.interface_id], spec.metadata.owner_id)
        for interface in spec.interfaces
    }


def _interface(interface: InterfaceSpec, told: InterfaceMetadata, owner_id: str) -> Tree:
    public = {each.public_ip: each.private_ip for each in told.public_ips}
    return {
        "device-number": str(told.device_index),
        "interface-id": interface.interface_id,
        **({"ipv4-associations": public} if public else {}),
        "local-hostname": told.host_name,
        "local-ipv4s": "\n".join((interface.private_ip, *told.secondary_ips)),
        "mac": interface.mac_address,
        "network-card": "0",
        "owner-id": owner_id,
        **({"public-hostname": told.public_host_name} if told.public_host_name else {}),
        **({"public-ipv4s": "\n".join(public)} if public else {}),
        "security-group-ids": "\n".join(told.group_ids),
        "security-groups": "\n".join(told.security_groups),
        "subnet-id": told.subnet_id,
        "subnet-ipv4-cidr-block": told.subnet_cidr_block,
        "vpc-id": interface.vpc_id,
        "vpc-ipv4-cidr-block": told.vpc_cidr_block,
        "vpc-ipv4-cidr-blocks": told.vpc_cidr_block,
    }


def _signed(identity: Identity) -> Tree:
    """EC2's `pkcs7` is signed with DSA; this one is the same as `rsa2048`."""
    return {
        "document": identity.document,
        "pkcs7": identity.pkcs7,
        "rsa2048": identity.pkcs7,
        "signature": identity.signature,
    }


def _identity_document(spec: InstanceSpec) -> str:
    """As long as none is signed. What the control plane signs says besides when the instance was launched."""
    about = {
        "accountId": spec.metadata.owner_id,
        "architecture": spec.machine.architecture,
        "availabilityZone": spec.metadata.zone_name,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": spec.metadata.image_id,
        "instanceId": spec.instance_id,
        "instanceType": spec.metadata.instance_type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "privateIp": spec.interfaces[0].private_ip,
        "ramdiskId": None,
        "region": spec.metadata.region_name,
        "version": "2017-09-30",
    }
    return json.dumps(about, indent=2)
