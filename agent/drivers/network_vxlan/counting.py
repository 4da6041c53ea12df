"""What the rules that guard ports have matched on this host, as the kernel counted it."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from agent.drivers.network_vxlan import ruleset
from agent.host import namespaces, nft
from agent.model import Counted
from agent.vpc import VpcView


def count(view: VpcView, interface_ids: Collection[str]) -> Iterator[Counted]:
    """Of those that are of this VPC. What is not counted yet, since its rules do not stand, is left out."""
    rows = [row for row in view.local.values() if row.id in interface_ids]
    if not rows:
        return
    group_ids = {group_id for row in rows for group_id in row.group_ids}
    acl_ids = {view.subnets[row.subnet_id].network_acl_id for row in rows if row.subnet_id in view.subnets}
    part = view.part({row.id for row in rows}, set(), group_ids, set(), acl_ids)
    found = namespaces.call(namespaces.vpc_namespace(view.vpc.id), nft.counts, ruleset.FILTER)
    for name, counted in ruleset.counters(part).items():
        if name in found:
            packets, size_bytes = found[name]
            yield replace(counted, packets=packets, bytes=size_bytes)
