"""Compute driver: virtual machines of QEMU through libvirt."""

from agent.drivers.compute_libvirt.driver import LibvirtComputeDriver
from agent.drivers.compute_libvirt.settings import Settings

__all__ = ["LibvirtComputeDriver", "Settings"]
