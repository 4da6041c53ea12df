"""`stead dhcp-options`: what a VPC's guests are told by DHCP."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, VpcOption, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.dhcp_options_pb2 import (
    AssociateDhcpOptionsRequest,
    CreateDhcpOptionsRequest,
    DeleteDhcpOptionsRequest,
    DescribeDhcpOptionsRequest,
    DhcpConfiguration,
)

app = typer.Typer(no_args_is_help=True)


def _values(key: str) -> Callable[[Any], str]:
    return lambda options: ", ".join(
        value for each in options.dhcp_configurations if each.key == key for value in each.values
    )


COLUMNS = {
    "DHCP OPTIONS": lambda options: options.dhcp_options_id,
    "DOMAIN": _values("domain-name"),
    "DNS": _values("domain-name-servers"),
    "NTP": _values("ntp-servers"),
    "NETBIOS": _values("netbios-name-servers"),
    "NODE TYPE": _values("netbios-node-type"),
    "NAME": lambda options: options.tags.get("Name", ""),
}
Options = Annotated[str, typer.Argument(metavar="DHCP-OPTIONS", help="Id or name.", show_default=False)]
_ADDRESSES = "Up to four addresses, with commas between them."


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List option sets, but for the default one."""
    request = DescribeDhcpOptionsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeDhcpOptions, request)
    cli.table(reply, COLUMNS, reply.dhcp_options, "No DHCP options.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    domain_name: Annotated[str, typer.Option(metavar="DOMAIN", help="It completes names.", show_default=False)] = "",
    dns: Annotated[
        str,
        typer.Option(metavar="SERVERS", help=f"{_ADDRESSES} AmazonProvidedDNS is the VPC's own.", show_default=False),
    ] = "",
    ntp: Annotated[
        str, typer.Option(metavar="SERVERS", help=f"{_ADDRESSES} Default: the VPC's own.", show_default=False)
    ] = "",
    netbios: Annotated[str, typer.Option(metavar="SERVERS", help=_ADDRESSES, show_default=False)] = "",
    netbios_node_type: Annotated[str, typer.Option(metavar="1|2|4|8", help="2, mostly.", show_default=False)] = "",
    tag: Tags = None,
) -> None:
    """Make an option set; what is not given guests are not told."""
    given = {
        "domain-name": domain_name,
        "domain-name-servers": dns,
        "ntp-servers": ntp,
        "netbios-name-servers": netbios,
        "netbios-node-type": netbios_node_type,
    }
    if not any(given.values()):
        asked = "say what guests are told: --domain-name, --dns, --ntp, --netbios or --netbios-node-type"
        raise typer.BadParameter(asked, param_hint="--domain-name")
    configurations = [DhcpConfiguration(key=key, values=[value]) for key, value in given.items() if value]
    request = CreateDhcpOptionsRequest(**cli.mutation, dhcp_configurations=configurations, tags=parse_tags(tag))
    reply = await cli.stead.vpcs.CreateDhcpOptions(request)
    cli.table(reply, COLUMNS, [reply.dhcp_options])


@command(app, "associate", mutates=True)
async def associate(
    cli: Cli,
    dhcp_options: Annotated[
        str, typer.Argument(metavar="DHCP-OPTIONS", help="Id, name, or `default`.", show_default=False)
    ],
    vpc: VpcOption,
) -> None:
    """Have a VPC's guests told these as they renew their leases."""
    ids: dict[str, Any] = {
        "dhcp_options_id": dhcp_options
        if dhcp_options == "default"
        else await lookup.dhcp_options_id(cli.stead, dhcp_options),
        "vpc_id": await lookup.vpc_id(cli.stead, vpc),
    }
    reply = await cli.stead.vpcs.AssociateDhcpOptions(AssociateDhcpOptionsRequest(**cli.mutation, **ids))
    cli.say(reply, "Guests of {vpc_id} are told {dhcp_options_id}".format(**ids))


@command(app, "delete", mutates=True)
async def delete(cli: Cli, dhcp_options: Options) -> None:
    """Delete a set that no VPC has."""
    options_id = await lookup.dhcp_options_id(cli.stead, dhcp_options)
    request = DeleteDhcpOptionsRequest(**cli.mutation, dhcp_options_id=options_id)
    cli.say(await cli.stead.vpcs.DeleteDhcpOptions(request), f"Deleted {options_id}")
