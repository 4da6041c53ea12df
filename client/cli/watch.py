"""`stead watch`: the project's changes as they happen."""

import asyncio
from typing import Annotated

import typer

from client.cli import render
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.events_pb2 import ResourceChange, WatchEvent, WatchRequest

# Between tries to go on. Shorter: a control plane that starts is asked for nothing. Longer: news come late.
PAUSE_S = 1.0
# In a row. Fewer: a restart ends a watch. More: a control plane that is away for good is reported later.
TRIES = 20


def register(app: typer.Typer) -> None:
    """Adds the command to `stead`."""
    command(app, "watch")(watch)


async def watch(
    cli: Cli,
    after: Annotated[
        int | None, typer.Option(metavar="REVISION", min=0, help="Go on after this one. Default: from now.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only these, e.g. instance. May be repeated.")
    ] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="With the resources as they are by now; for --output json.")
    ] = False,
) -> None:
    """Stream what changes, a line each, until interrupted.

    It goes on across a restart of the control plane. A line has the state that its resource is in by now, where it has
    one.
    """
    if contents and cli.is_for_people:
        raise typer.BadParameter("is for programs: add --output json", param_hint="--contents")
    failures = 0
    while True:
        try:
            with_contents = contents or cli.is_for_people
            request = WatchRequest(after_revision=after, kinds=kind or (), with_contents=with_contents)
            async for event in cli.stead.events.Watch(request):
                _show(cli, event, after)
                after, failures = event.revision, 0
            return
        except SteadError as error:
            failures += 1
            may_go_on = (after is not None and error.retryable) or error.retry_after_s is not None
            if not may_go_on or failures == TRIES:
                raise
            render.print_note(
                f"{error.message} Going on after revision {after}." if after is not None else error.message
            )
            await asyncio.sleep(max(PAUSE_S, error.retry_after_s or 0))


def _show(cli: Cli, event: WatchEvent, after: int | None) -> None:
    if not cli.is_for_people:
        render.print_json_line(render.to_document(event))
    elif not event.bookmark:
        print(*map(render.plain, _lines(event, after)), sep="\n", flush=True)


def _lines(event: WatchEvent, after: int | None) -> list[str]:
    if event.resync and after is not None and after > event.revision:
        why = f"revision {after} is later than now, or of a database of before: list again, and watch from here"
        return [f"{event.revision:>8}  {why}"]
    if event.resync:
        return [f"{event.revision:>8}  earlier changes are no longer kept: list again"]
    what = f"{event.revision:>8}  {event.commit_time.ToDatetime():%H:%M:%SZ}"
    by = f"  by {event.token_id}" if event.token_id else ""
    return [
        f"{what}  {change.kind:14}  {change.id}{state and f'  {state}'}{by}"
        for change, state in zip(event.changes, map(_state, event.changes), strict=True)
    ]


def _state(change: ResourceChange) -> str:
    """Empty where such resources have none."""
    if change.deleted:
        return "deleted"
    resource = getattr(change, change.WhichOneof("contents") or "", None)
    state = getattr(resource, "state", "") or getattr(resource, "status", "")
    return str(getattr(state, "name", getattr(state, "code", state)))
