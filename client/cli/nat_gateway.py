"""`stead nat-gateway`: by which private subnets reach the outside."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, Timeout, Wait, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.cli.wait import wait_for_nat_gateway
from stead.v1.nat_gateways_pb2 import (
    CreateNatGatewayRequest,
    DeleteNatGatewayRequest,
    DescribeNatGatewaysRequest,
    NatGateway,
)

app = typer.Typer(no_args_is_help=True)


def _address(gateway: NatGateway, name: str) -> str:
    return ", ".join(getattr(address, name) for address in gateway.nat_gateway_addresses)


COLUMNS = {
    "NAT GATEWAY": lambda gateway: gateway.nat_gateway_id,
    "STATE": lambda gateway: gateway.state,
    "PUBLIC IP": lambda gateway: _address(gateway, "public_ip"),
    "PRIVATE IP": lambda gateway: _address(gateway, "private_ip"),
    "SUBNET": lambda gateway: gateway.subnet_id,
    "VPC": lambda gateway: gateway.vpc_id,
    "CONNECTIONS": lambda gateway: str(gateway.active_connection_count),
    "NAME": lambda gateway: gateway.tags.get("Name", ""),
}
Gateway = Annotated[str, typer.Argument(metavar="NAT-GATEWAY", help="Id or name.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List NAT gateways, those deleted in the last hour as well."""
    request = DescribeNatGatewaysRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeNatGateways, request)
    cli.table(reply, COLUMNS, reply.nat_gateways, "No NAT gateways.")
    cli.notes((gateway.nat_gateway_id, gateway.state_detail) for gateway in reply.nat_gateways)


@command(app, "describe")
async def describe(cli: Cli, nat_gateway: Gateway) -> None:
    """Show one in full, with what it carries and what it refused."""
    gateway_id = await lookup.nat_gateway_id(cli.stead, nat_gateway)
    reply = await cli.stead.vpcs.DescribeNatGateways(DescribeNatGatewaysRequest(nat_gateway_ids=[gateway_id]))
    cli.details(reply, reply.nat_gateways)


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    subnet: Annotated[str, typer.Option(metavar="SUBNET", help="A public one, id or name.", show_default=False)],
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="An elastic address, or its allocation id.", show_default=False)
    ],
    private_ip: Annotated[
        str, typer.Option(metavar="IP", help="Its address in the subnet. Default: a free one.", show_default=False)
    ] = "",
    tag: Tags = None,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Make a NAT gateway; a route to it leads a private subnet out."""
    request = CreateNatGatewayRequest(
        **cli.mutation,
        subnet_id=await lookup.subnet_id(cli.stead, subnet),
        allocation_id=(await lookup.address(cli.stead, address)).allocation_id,
        private_ip_address=private_ip,
        tags=parse_tags(tag),
    )
    reply = await cli.stead.vpcs.CreateNatGateway(request)
    if wait:
        gateway = await wait_for_nat_gateway(cli.stead, reply.nat_gateway.nat_gateway_id, "available", timeout_s)
        reply.nat_gateway.CopyFrom(gateway)
    cli.table(reply, COLUMNS, [reply.nat_gateway])
    cli.notes([(reply.nat_gateway.nat_gateway_id, reply.nat_gateway.state_detail)])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, nat_gateway: Gateway, wait: Wait = False, timeout_s: Timeout = 60) -> None:
    """Delete one; its elastic address stays."""
    gateway_id = await lookup.nat_gateway_id(cli.stead, nat_gateway, or_gone=cli.may_repeat)
    reply = await cli.stead.vpcs.DeleteNatGateway(DeleteNatGatewayRequest(**cli.mutation, nat_gateway_id=gateway_id))
    if wait:
        await wait_for_nat_gateway(cli.stead, gateway_id, "deleted", timeout_s)
    cli.say(reply, f"{'Deleted' if wait else 'Deleting'} {gateway_id}")
