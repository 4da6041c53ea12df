"""Names of addresses in the DNS of VPCs, in full."""

from controlplane.model.addressing import domain, host_name, public_domain, public_host_name
from controlplane.model.state import State


def private_dns_name(state: State, private_ip: str) -> str:
    return f"{host_name(private_ip)}.{domain(_region(state))}"


def public_dns_name(state: State, vpc_id: str, public_ip: str) -> str:
    """Empty where the VPC has no public names."""
    if not state.vpcs[vpc_id].has_public_names:
        return ""
    return f"{public_host_name(public_ip)}.{public_domain(_region(state))}"


def _region(state: State) -> str:
    return next((region.id for region in state.regions), "")
