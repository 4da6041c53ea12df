"""`stead tag`: labels of resources of every kind."""

from typing import Annotated

import typer

from client.cli.options import parse_tags
from client.cli.session import Cli, command
from stead.v1.tags_pb2 import CreateTagsRequest, DeletedTag, DeleteTagsRequest

app = typer.Typer(no_args_is_help=True)

Resources = Annotated[list[str], typer.Argument(metavar="RESOURCE...", help="Ids, of any kinds.", show_default=False)]


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    resource: Resources,
    tag: Annotated[list[str], typer.Option(metavar="KEY=VALUE", help="A label. May be repeated.", show_default=False)],
) -> None:
    """Give resources labels; a key that one has gets the new value."""
    reply = await cli.stead.tags.CreateTags(
        CreateTagsRequest(**cli.mutation, resource_ids=resource, tags=parse_tags(tag))
    )
    cli.say(reply, f"Tagged {', '.join(resource)}")


@command(app, "delete", mutates=True)
async def delete(
    cli: Cli,
    resource: Resources,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY[=VALUE]", help="Only where it has this value. May be repeated. Default: all."),
    ] = None,
) -> None:
    """Take labels from resources."""
    reply = await cli.stead.tags.DeleteTags(
        DeleteTagsRequest(**cli.mutation, resource_ids=resource, tags=[_deleted(text) for text in tag or ()])
    )
    what = f"tag {', '.join(tag)}" if tag else "tags"
    cli.say(reply, f"{', '.join(resource)}: no {what} now")


def _deleted(text: str) -> DeletedTag:
    key, equals, value = text.partition("=")
    return DeletedTag(key=key, value=value if equals else None)
