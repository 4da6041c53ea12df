"""`stead network`: what becomes of packets."""

import typer

from client.cli import lookup, render
from client.cli.options import InstanceArgument
from client.cli.session import Cli, command
from stead.v1.dropped_packets_pb2 import DroppedPacket, GetDroppedPacketsRequest

app = typer.Typer(no_args_is_help=True)

# For each answer. Shorter: more questions. Longer: a host that is gone is noticed late.
WAIT_S = 20
_NAMES = {1: "icmp", 6: "tcp", 17: "udp"}


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
    ends = [_end(packet, packet.source, packet.source_port), _end(packet, packet.destination, packet.destination_port)]
    if protocol == 1:
        ends[1] += f" type {packet.source_port} code {packet.destination_port}"
    text = f"{at}Z {packet.guard} {_NAMES.get(protocol, protocol)} {ends[0]} > {ends[1]}"
    return render.plain(f"{text} {packet.network_interface_id}")


def _end(packet: DroppedPacket, address: str, port: int) -> str:
    return f"{address}:{port}" if packet.protocol != 1 and port != -1 else address
