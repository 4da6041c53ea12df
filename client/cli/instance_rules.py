"""`stead instance rules`: what guards an instance, and what it has matched."""

import typer

from client.cli import lookup
from client.cli.options import InstanceArgument
from client.cli.permissions import ALL
from client.cli.session import Cli, command
from stead.v1.effective_rules_pb2 import EffectiveRule, GetEffectiveRulesRequest

_LAST = 32767
_NAMES = {"-1": ALL, "1": "icmp", "6": "tcp", "17": "udp"}
COLUMNS = {
    "GUARD": lambda rule: rule.guard_id,
    "RULE": lambda rule: rule.rule_id or ("*" if rule.rule_number == _LAST else str(rule.rule_number)),
    "DIRECTION": lambda rule: "out, to" if rule.is_egress else "in, from",
    "PEER": lambda rule: rule.peer,
    "PROTOCOL": lambda rule: _protocol(rule),
    "PORTS": lambda rule: _ports(rule),
    "ACTION": lambda rule: rule.rule_action,
    "PACKETS": lambda rule: str(rule.packets) if rule.HasField("packets") else "-",
    "BYTES": lambda rule: str(rule.bytes) if rule.HasField("bytes") else "-",
    "INTERFACE": lambda rule: rule.network_interface_id,
}


def register(app: typer.Typer) -> None:
    command(app, "rules")(rules)


async def rules(cli: Cli, instance: InstanceArgument) -> None:
    """Show what guards an instance.

    With the packets that it has matched, of all instances on its host. Of a group's rule these are those by which
    something was opened; where several interfaces have the group, it is there for each, with the same numbers. "-":
    nothing was counted, as with an ACL that stops nothing in a direction, and rules that the host does not have yet.
    """
    request = GetEffectiveRulesRequest(instance_id=await lookup.instance_id(cli.stead, instance))
    reply = await cli.stead.instances.GetEffectiveRules(request)
    cli.table(reply, COLUMNS, reply.rules, "No rules: it has no interface any more.")
    cli.notes([("Nothing was counted", reply.not_counted)])


def _protocol(rule: EffectiveRule) -> str:
    return _NAMES.get(rule.protocol, rule.protocol)


def _ports(rule: EffectiveRule) -> str:
    """As they are given on the command line."""
    if rule.from_port == -1:
        return ALL
    if _protocol(rule) == "icmp":
        return f"{rule.from_port}:{rule.to_port}" if rule.to_port != -1 else str(rule.from_port)
    return str(rule.from_port) if rule.from_port == rule.to_port else f"{rule.from_port}-{rule.to_port}"
