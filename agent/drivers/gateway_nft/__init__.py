"""A VPC's internet gateway and its NAT gateways, in one namespace between the VPC's router and the host's uplink.

    namespace stead-<vpc id>        namespace stead-gw-<vpc id>           host's namespace
    ── router ── "gateway" ══════ "vpc"     NAT by maps     "host" ══════ stg... ── routes ── external interface
                                  private -> public: snat                 <public ip>/32 by stg...
                                  public -> private: dnat                 ARP for <public ip> answered on the external
                                  subnet, destination -> a NAT gateway's: snat

East-west traffic never comes here, so NAT cannot meet it, and one host may have all roles. From instance to another's
public address a packet goes in and out on the side of the VPC and has both addresses translated. An address that is
not in the maps is dropped in both directions, tracked or not: an instance without a public address has no internet, but
by a NAT gateway.

`ruleset` is pure, `links` joins the namespaces, `addresses` answers for public addresses, and `driver` puts them in
order.
"""

from agent.drivers.gateway_nft.driver import NftGatewayDriver
from agent.drivers.gateway_nft.settings import GatewaySettings

__all__ = ["GatewaySettings", "NftGatewayDriver"]
