"""`stead network`: what becomes of packets."""

import re
from typing import Annotated

import typer

from client.cli import lookup, render
from client.cli.options import InstanceArgument
from client.cli.session import Cli, command
from stead.v1.dropped_packets_pb2 import DroppedPacket, GetDroppedPacketsRequest
from stead.v1.paths_pb2 import GetPathExplanationRequest

app = typer.Typer(no_args_is_help=True)

# For each answer. Shorter: more questions. Longer: a host that is gone is noticed late.
WAIT_S = 20
_ADDRESS = re.compile(r"[0-9.]+")
_NAMES = {1: "icmp", 6: "tcp", 17: "udp"}


STEP_COLUMNS = {
    "STEP": lambda step: step.kind,
    "RESOURCE": lambda step: step.resource_id,
    "LINE": lambda step: step.line,
    "VERDICT": lambda step: "allows" if step.allows else "denies",
    "DETAIL": lambda step: step.detail,
}
_FROM = typer.Option("--from", metavar="END", help="An instance, id or name, an interface, or an address.")
_TO = typer.Option("--to", metavar="END", help="As --from.")
_PORT = typer.Option(
    metavar="PORT", min=1, max=65535, help="Of the receiver: tcp and udp need one.", show_default=False
)
_ANSWERS = typer.Option(metavar="PORT", min=1, max=65535, help="Of the sender, to which answers go.")


@command(app, "explain")
async def explain(
    cli: Cli,
    source: Annotated[str, _FROM],
    destination: Annotated[str, _TO],
    port: Annotated[int | None, _PORT] = None,
    protocol: Annotated[str, typer.Option(metavar="PROTOCOL", help="tcp, udp or icmp.")] = "tcp",
    source_port: Annotated[int, _ANSWERS] = 49152,
) -> None:
    """Say which line lets a packet by, or stops it.

    As it is asked for, whatever hosts have by now: `stead network drops` shows what they do.
    """
    if port is None and protocol in ("tcp", "udp"):
        raise typer.BadParameter(f"{protocol} needs one, e.g. 22", param_hint="--port")
    request = GetPathExplanationRequest(
        source=await _end_id(cli, source),
        destination=await _end_id(cli, destination),
        protocol=protocol,
        port=port,
        source_port=source_port,
    )
    reply = await cli.stead.vpcs.GetPathExplanation(request)
    cli.table(reply, STEP_COLUMNS, reply.steps)
    if cli.is_for_people:
        print("Nothing stops it." if reply.is_reachable else "It does not get there.")


async def _end_id(cli: Cli, text: str) -> str:
    """Interfaces and addresses are what they are; anything else is an instance's name."""
    if _ADDRESS.fullmatch(text) or text.startswith("eni-"):
        return text
    return await lookup.instance_id(cli.stead, text)


@command(app, "drops")
async def drops(cli: Cli, instance: InstanceArgument) -> None:
    """Stream what is dropped of an instance, and by what.

    A line for each packet of a sample, until interrupted: some ten a second of each guard.
    """
    request = GetDroppedPacketsRequest(instance_id=await lookup.instance_id(cli.stead, instance), wait_s=WAIT_S)
    while True:
        reply = await cli.stead.instances.GetDroppedPackets(request)
        request.after = reply.after
        for packet in reply.packets:
            if cli.is_for_people:
                print(_line(packet), flush=True)
            else:
                render.print_json_line(render.to_document(packet))


def _line(packet: DroppedPacket) -> str:
    at, protocol = packet.drop_time.ToDatetime().isoformat(timespec="milliseconds"), packet.protocol
    ends = [
        _shown(packet, packet.source, packet.source_port),
        _shown(packet, packet.destination, packet.destination_port),
    ]
    if protocol == 1:
        ends[1] += f" type {packet.source_port} code {packet.destination_port}"
    text = f"{at}Z {packet.guard} {_NAMES.get(protocol, protocol)} {ends[0]} > {ends[1]}"
    return render.plain(f"{text} {packet.network_interface_id}")


def _shown(packet: DroppedPacket, address: str, port: int) -> str:
    return f"{address}:{port}" if packet.protocol != 1 and port != -1 else address
