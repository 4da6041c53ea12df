"""Options of instance metadata: of `stead instance run`, and to change them later."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from client.cli import lookup
from client.cli.options import InstanceArgument
from client.cli.session import Cli, command
from stead.v1.instances_pb2 import ModifyInstanceMetadataOptionsRequest


class Tokens(StrEnum):
    """Whether a request for metadata needs a token."""

    REQUIRED = "required"
    OPTIONAL = "optional"


HttpTokens = Annotated[
    Tokens | None, typer.Option(metavar="required|optional", help="Whether metadata are told without a token.")
]
MetadataEndpoint = Annotated[bool | None, typer.Option(help="Whether the guest is told its metadata at all.")]
HopLimit = Annotated[
    int | None, typer.Option(min=1, max=64, metavar="N", help="How many hops a token for metadata may travel.")
]
MetadataTags = Annotated[bool | None, typer.Option(help="Whether metadata tell the instance's tags.")]

_ON = {True: "enabled", False: "disabled", None: None}


def options(
    http_tokens: Tokens | None, metadata_endpoint: bool | None, hop_limit: int | None, metadata_tags: bool | None
) -> dict[str, Any]:
    """What was given, as fields of `InstanceMetadataOptionsRequest`."""
    given = {
        "http_tokens": http_tokens,
        "http_endpoint": _ON[metadata_endpoint],
        "http_put_response_hop_limit": hop_limit,
        "instance_metadata_tags": _ON[metadata_tags],
    }
    return {name: value for name, value in given.items() if value is not None}


def register(app: typer.Typer) -> None:
    """Adds the command to `stead instance`."""
    command(app, "modify-metadata-options", mutates=True)(modify)


async def modify(
    cli: Cli,
    instance: InstanceArgument,
    http_tokens: HttpTokens = None,
    metadata_endpoint: MetadataEndpoint = None,
    hop_limit: HopLimit = None,
    metadata_tags: MetadataTags = None,
) -> None:
    """Change the options of metadata."""
    request = ModifyInstanceMetadataOptionsRequest(
        **cli.mutation,
        instance_id=await lookup.instance_id(cli.stead, instance),
        **options(http_tokens, metadata_endpoint, hop_limit, metadata_tags),
    )
    reply = await cli.stead.instances.ModifyInstanceMetadataOptions(request)
    cli.details(reply, [reply.instance_metadata_options])
