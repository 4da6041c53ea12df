"""Hosts and images as rows, for benchmarks of the control plane's decisions in this process."""

from datetime import UTC, datetime

from controlplane.ids import Prefix, mint
from controlplane.model.host import Host, HostRole
from controlplane.model.image import Image

NOW = datetime.now(UTC)


def host(number: int, zone: str) -> Host:
    return Host(
        id=mint(Prefix.HOST),
        name=f"host-{number}",
        zone=zone,
        roles=(HostRole.COMPUTE, HostRole.STORAGE),
        number=number,
        underlay_address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        vcpus=128,
        memory_mib=262144,
        storage_gib=1000,
        created_at=NOW,
        join_token_id="",
    )


def image(project_id: str) -> Image:
    size = 1 << 30
    return Image(mint(Prefix.IMAGE), project_id, "bench", "", "raw", size, size, "0" * 64, NOW, {})
