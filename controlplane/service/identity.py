"""What an instance is, in EC2's words, to be signed: the identity document. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controlplane.model.instance import Desired, Instance
from controlplane.model.state import State


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The document of one start of an instance."""

    instance_id: str
    generation: int
    document: bytes


def documents(state: State, host_id: str, instance_ids: Iterable[str], region: str) -> Iterator[Unsigned]:
    """Of those of these instances that are this host's: none can have another's."""
    for instance_id in dict.fromkeys(instance_ids):
        row = state.instances.get(instance_id)
        if row is not None and row.host_id == host_id and row.desired is not Desired.ABSENT:
            yield Unsigned(row.id, row.generation, _document(state, row, region))


def _document(state: State, row: Instance, region: str) -> bytes:
    """See "Instance identity documents" in the EC2 user guide."""
    about = {
        "accountId": row.project_id,
        "architecture": row.architecture,
        "availabilityZone": row.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": row.image_id,
        "instanceId": row.id,
        "instanceType": row.instance_type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": row.launched_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "privateIp": state.interfaces.primary(row.id).private_ip,
        "ramdiskId": None,
        "region": region,
        "version": "2017-09-30",
    }
    return json.dumps(about, indent=2).encode()
