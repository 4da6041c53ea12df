"""`stead instance`: virtual machines."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from client.cli import instance_modify, instance_rules, instance_run, lookup, metadata_options, render
from client.cli.options import Filters, InstanceArgument, InstanceArguments, Timeout, Wait, parse_filters
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
instance_rules.register(app)
metadata_options.register(app)


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List instances; terminated ones for an hour."""
    request = DescribeInstancesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.instances.DescribeInstances, request)
    cli.table(reply, instance_run.COLUMNS, reply.instances, "No instances.")
    cli.notes((instance.instance_id, instance.status_detail) for instance in reply.instances)


@command(app, "describe")
async def describe(cli: Cli, instance: InstanceArguments) -> None:
    """Show all that is known of instances."""
    request = DescribeInstancesRequest(instance_ids=await lookup.instance_ids(cli.stead, instance))
    reply = await cli.stead.all_pages(cli.stead.instances.DescribeInstances, request)
    cli.details(reply, reply.instances)


@command(app, "start", mutates=True)
async def start(cli: Cli, instance: InstanceArguments, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """Start stopped instances."""
    ids = await lookup.instance_ids(cli.stead, instance)
    reply = await cli.stead.instances.StartInstances(StartInstancesRequest(**cli.mutation, instance_ids=ids))
    await _show_changes(cli, reply, reply.starting_instances, "running", timeout_s if wait else None)


@command(app, "stop", mutates=True)
async def stop(
    cli: Cli,
    instance: InstanceArguments,
    force: Annotated[bool, typer.Option("--force", help="Pull the plug at once.")] = False,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Stop instances.

    The power button is pressed; after 120 s the plug is pulled.
    """
    ids = await lookup.instance_ids(cli.stead, instance)
    request = StopInstancesRequest(**cli.mutation, instance_ids=ids, force=force)
    reply = await cli.stead.instances.StopInstances(request)
    await _show_changes(cli, reply, reply.stopping_instances, "stopped", timeout_s if wait else None)


@command(app, "reboot", mutates=True)
async def reboot(cli: Cli, instance: InstanceArguments, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """Restart the guests."""
    ids = await lookup.instance_ids(cli.stead, instance)
    reply = await cli.stead.instances.RebootInstances(RebootInstancesRequest(**cli.mutation, instance_ids=ids))
    if wait:
        await wait_for_instances(cli.stead, ids, "running", timeout_s, lambda found: not found.is_reboot_pending)
    cli.say(reply, f"{'Rebooted' if wait else 'Rebooting'} {', '.join(ids)}")


@command(app, "terminate", mutates=True)
async def terminate(cli: Cli, instance: InstanceArguments, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """End instances for good."""
    ids = await lookup.instance_ids(cli.stead, instance, or_gone=cli.may_repeat)
    request = TerminateInstancesRequest(**cli.mutation, instance_ids=ids)
    reply = await cli.stead.instances.TerminateInstances(request)
    await _show_changes(cli, reply, reply.terminating_instances, "terminated", timeout_s if wait else None)


@command(app, "console-log")
async def console_log(cli: Cli, instance: InstanceArgument) -> None:
    """Print the latest output of the console, as it is."""
    request = GetConsoleOutputRequest(instance_id=await lookup.instance_id(cli.stead, instance))
    reply = await cli.stead.instances.GetConsoleOutput(request)
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
