"""`stead <resource> <verb>`: puts the commands together. Entry point of the command line."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from client.cli import (
    address,
    audit,
    az,
    dhcp_options,
    host,
    igw,
    image,
    instance,
    instance_type,
    interface,
    key,
    nat_gateway,
    network,
    network_acl,
    once,
    prefix_list,
    project,
    region,
    route_table,
    sg,
    subnet,
    tag,
    token,
    volume,
    vpc,
    vpc_peering,
    watch,
)
from client.cli.render import Output, print_note
from client.cli.session import Settings

# Help in boxes cuts the names of long options at 80 columns.
app = typer.Typer(
    name="stead", cls=once.Group, no_args_is_help=True, pretty_exceptions_show_locals=False, rich_markup_mode=None
)

RESOURCES = {
    "instance": (instance, "Virtual machines."),
    "image": (image, "Disk images that instances start from."),
    "key": (key, "SSH key pairs."),
    "sg": (sg, "Security groups."),
    "prefix-list": (prefix_list, "Networks under one name, for rules of security groups."),
    "interface": (interface, "Network interfaces, which come and go under instances."),
    "volume": (volume, "Network-attached disks."),
    "address": (address, "Elastic IP addresses."),
    "vpc": (vpc, "Private networks."),
    "subnet": (subnet, "A VPC's addresses, zone by zone."),
    "igw": (igw, "Internet gateways, VPCs' doors to the outside."),
    "dhcp-options": (dhcp_options, "What a VPC's guests are told by DHCP."),
    "nat-gateway": (nat_gateway, "NAT gateways, by which private subnets reach the outside."),
    "vpc-peering": (vpc_peering, "Peerings, by which two VPCs reach one another."),
    "route-table": (route_table, "Where packets that leave a subnet go."),
    "network": (network, "What becomes of packets."),
    "network-acl": (network_acl, "What may cross the borders of subnets."),
    "tag": (tag, "Labels of resources of every kind."),
    "instance-type": (instance_type, "The catalogue of sizes."),
    "region": (region, "What this control plane serves."),
    "az": (az, "Availability zones."),
    "host": (host, "The bare-metal machines (for admins)."),
    "project": (project, "Tenants and their tokens (for admins)."),
    "token": (token, "What acts for a project (for admins)."),
    "audit": (audit, "What was changed, when, and with whose token (for admins)."),
}
for name, (module, summary) in RESOURCES.items():
    app.add_typer(module.app, name=name, help=summary)
watch.register(app)


@app.callback()
def stead(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Where the control plane is, and your token. Default: STEAD_CONFIG, or ~/.config/stead/config.toml.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Output, typer.Option(help="A table for people, or JSON for programs.")] = Output.TABLE,
) -> None:
    """An EC2 for your own machines."""
    ctx.obj = Settings(config, output)


def main() -> NoReturn:
    """Runs the command line: exit code 0 on success only, 2 when it was used wrongly, 130 when interrupted."""
    try:
        app()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except OSError as error:
        print_note(f"stead: {error}")
        code = 1
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process once its output is out, without Python's tear-down: that waits for threads, and gRPC's may not
    come back (grpc/grpc issue 22365). What has to be closed was closed before.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        if not code and not isinstance(error, BrokenPipeError):
            print_note(f"stead: {error}")
        code = code or 1
    os._exit(code)  # Standard error is flushed with each line.
