"""`stead igw`: internet gateways, VPCs' doors to the outside."""

from typing import Annotated, Any

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, VpcOption, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.internet_gateways_pb2 import (
    AttachInternetGatewayRequest,
    CreateInternetGatewayRequest,
    DeleteInternetGatewayRequest,
    DescribeInternetGatewaysRequest,
    DetachInternetGatewayRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "INTERNET GATEWAY": lambda gateway: gateway.internet_gateway_id,
    "VPC": lambda gateway: gateway.vpc_id,
    "NAME": lambda gateway: gateway.tags.get("Name", ""),
}
Gateway = Annotated[str, typer.Argument(metavar="IGW", help="Id or name.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List internet gateways."""
    request = DescribeInternetGatewaysRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeInternetGateways, request)
    cli.table(reply, COLUMNS, reply.internet_gateways, "No internet gateways.")


@command(app, "create", mutates=True)
async def create(cli: Cli, tag: Tags = None) -> None:
    """Make an internet gateway, attached to nothing."""
    request = CreateInternetGatewayRequest(**cli.mutation, tags=parse_tags(tag))
    reply = await cli.stead.vpcs.CreateInternetGateway(request)
    cli.table(reply, COLUMNS, [reply.internet_gateway])


@command(app, "attach", mutates=True)
async def attach(cli: Cli, igw: Gateway, vpc: VpcOption) -> None:
    """Attach it to a VPC; route tables say what is public."""
    ids: dict[str, Any] = {
        "internet_gateway_id": await lookup.internet_gateway_id(cli.stead, igw),
        "vpc_id": await lookup.vpc_id(cli.stead, vpc),
    }
    reply = await cli.stead.vpcs.AttachInternetGateway(AttachInternetGatewayRequest(**cli.mutation, **ids))
    cli.say(reply, "Attached {internet_gateway_id} to {vpc_id}".format(**ids))


@command(app, "detach", mutates=True)
async def detach(
    cli: Cli,
    igw: Gateway,
    vpc: Annotated[str, typer.Option(metavar="VPC", help="Default: whose it is.", show_default=False)] = "",
) -> None:
    """Detach it from its VPC, which has no public addresses in use."""
    gateway_id = await lookup.internet_gateway_id(cli.stead, igw)
    vpc_id = await lookup.vpc_id(cli.stead, vpc) if vpc else await _vpc_of(cli, gateway_id)
    request = DetachInternetGatewayRequest(**cli.mutation, internet_gateway_id=gateway_id, vpc_id=vpc_id)
    cli.say(await cli.stead.vpcs.DetachInternetGateway(request), f"Detached {gateway_id} from {vpc_id}")


async def _vpc_of(cli: Cli, gateway_id: str) -> str:
    request = DescribeInternetGatewaysRequest(internet_gateway_ids=[gateway_id])
    (gateway,) = (await cli.stead.vpcs.DescribeInternetGateways(request)).internet_gateways
    if not gateway.vpc_id:
        raise SteadError("Gateway.NotAttached", f"{gateway_id} is attached to no VPC; nothing was changed.")
    return str(gateway.vpc_id)


@command(app, "delete", mutates=True)
async def delete(cli: Cli, igw: Gateway) -> None:
    """Delete one that is detached."""
    gateway_id = await lookup.internet_gateway_id(cli.stead, igw)
    request = DeleteInternetGatewayRequest(**cli.mutation, internet_gateway_id=gateway_id)
    cli.say(await cli.stead.vpcs.DeleteInternetGateway(request), f"Deleted {gateway_id}")
