"""`stead instance`: virtual machines."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from client.cli import instance_modify, instance_run, render
from client.cli.options import Filters, InstanceId, InstanceIds, Timeout, Wait, parse_filters
from client.cli.session import Cli, command
from client.cli.wait import wait_for_instances
from stead.v1.instances_pb2 import (
    DescribeInstancesRequest,
    GetConsoleOutputRequest,
    InstanceStateChange,
    RebootInstancesRequest,
    StartInstancesRequest,
    StopInstancesRequest,
    TerminateInstancesRequest,
)

app = typer.Typer(no_args_is_help=True)
instance_run.register(app)
instance_modify.register(app)


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List instances; terminated ones for an hour."""
    request = DescribeInstancesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.instances.DescribeInstances, request)
    cli.table(reply, instance_run.COLUMNS, reply.instances, "No instances.")
    cli.notes((instance.instance_id, instance.status_detail) for instance in reply.instances)


@command(app, "describe")
async def describe(cli: Cli, instance: InstanceIds) -> None:
    """Show all there is to know about instances."""
    request = DescribeInstancesRequest(instance_ids=instance)
    reply = await cli.stead.all_pages(cli.stead.instances.DescribeInstances, request)
    cli.details(reply, reply.instances)


@command(app, "start", mutates=True)
async def start(cli: Cli, instance: InstanceIds, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """Start stopped instances."""
    reply = await cli.stead.instances.StartInstances(StartInstancesRequest(**cli.mutation, instance_ids=instance))
    await _show_changes(cli, reply, reply.starting_instances, "running", timeout_s if wait else None)


@command(app, "stop", mutates=True)
async def stop(
    cli: Cli,
    instance: InstanceIds,
    force: Annotated[bool, typer.Option("--force", help="Pull the plug at once.")] = False,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Stop instances: press the power button, and after 120 s pull the plug."""
    request = StopInstancesRequest(**cli.mutation, instance_ids=instance, force=force)
    reply = await cli.stead.instances.StopInstances(request)
    await _show_changes(cli, reply, reply.stopping_instances, "stopped", timeout_s if wait else None)


@command(app, "reboot", mutates=True)
async def reboot(cli: Cli, instance: InstanceIds) -> None:
    """Restart the guests."""
    reply = await cli.stead.instances.RebootInstances(RebootInstancesRequest(**cli.mutation, instance_ids=instance))
    cli.say(reply, f"Rebooting {', '.join(instance)}")


@command(app, "terminate", mutates=True)
async def terminate(cli: Cli, instance: InstanceIds, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """End instances for good."""
    request = TerminateInstancesRequest(**cli.mutation, instance_ids=instance)
    reply = await cli.stead.instances.TerminateInstances(request)
    await _show_changes(cli, reply, reply.terminating_instances, "terminated", timeout_s if wait else None)


@command(app, "console-log")
async def console_log(cli: Cli, instance: InstanceId) -> None:
    """Print the latest output of the serial console, as it is."""
    reply = await cli.stead.instances.GetConsoleOutput(GetConsoleOutputRequest(instance_id=instance))
    if not cli.is_for_people:
        render.print_json(render.to_document(reply))
    elif reply.output:
        sys.stdout.buffer.write(reply.output)
        sys.stdout.buffer.flush()
    else:
        render.print_note(f"{instance} has written nothing to its console yet.")


async def _show_changes(
    cli: Cli, reply: Any, changes: Sequence[InstanceStateChange], goal: str, timeout_s: float | None
) -> None:
    """Shows what became of the instances: at once, or with a timeout when all have reached the goal."""
    if timeout_s is not None:
        found = await wait_for_instances(cli.stead, [change.instance_id for change in changes], goal, timeout_s)
        for change in changes:
            if change.instance_id in found:
                change.current_state.CopyFrom(found[change.instance_id].state)
    columns = {
        "INSTANCE": lambda change: change.instance_id,
        "STATE": lambda change: change.current_state.name,
        "BEFORE": lambda change: change.previous_state.name,
    }
    cli.table(reply, columns, changes)
