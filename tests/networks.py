"""A VPC as the network driver is given it."""

from agent.legacy import scopes
from agent.legacy_wire import scope_changes
from agent.model import VpcSpec
from agent.objects import Objects
from agent.views import Views
from agent.vpc import VpcView


def view_of(spec: VpcSpec, host_id: str = "host-1", underlay_address: str = "192.0.2.1") -> VpcView:
    """The view of which `spec` is made, but for peers without a part in the VPC."""
    views = Views(host_id)
    views.apply(Objects().apply(scope_changes(scopes([spec], host_id, underlay_address))))
    return views.vpc(spec.vpc_id)
