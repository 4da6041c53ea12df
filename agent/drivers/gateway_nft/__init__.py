"""A VPC's internet gateway: 1:1 NAT in a namespace of its own, between the VPC's router and the host's uplink.

    namespace stead-<vpc id>        namespace stead-gw-<vpc id>           host's namespace
    ── router ── "gateway" ══════ "vpc"   NAT by two maps   "host" ══════ stg... ── routes ── external interface
                                  private -> public: snat                 <public ip>/32 by stg...
                                  public -> private: dnat                 ARP for <public ip> answered on the external

East-west traffic never comes here, so NAT cannot meet it, and one host may have all roles. From instance to another's
public address a packet goes in and out on the side of the VPC and has both addresses translated. An address that is
not in the maps is dropped in both directions, tracked or not: an instance without a public address has no internet.

`ruleset` is pure, `links` joins the namespaces, `addresses` answers for public addresses, and `driver` puts them in
order.
"""

from agent.drivers.gateway_nft.driver import NftGatewayDriver
from agent.drivers.gateway_nft.settings import GatewaySettings

__all__ = ["GatewaySettings", "NftGatewayDriver"]
