"""`stead token`: what lets people and programs act for projects. For admins."""

from typing import Annotated

import typer

from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.common_pb2 import Role
from stead.v1.projects_pb2 import DescribeTokensRequest, RevokeTokenRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "TOKEN": lambda token: token.token_id,
    "PROJECT": lambda token: token.project_id,
    "ROLE": lambda token: Role.Name(token.role).removeprefix("ROLE_").lower(),
    "STATE": lambda token: token.state,
    "CREATED": lambda token: token.create_time.ToJsonString(),
    "EXPIRES": lambda token: token.expire_time.ToJsonString() if token.HasField("expire_time") else "",
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List tokens, without their secrets."""
    request = DescribeTokensRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.projects.DescribeTokens, request)
    cli.table(reply, COLUMNS, reply.tokens, "No tokens.")


@command(app, "revoke", mutates=True)
async def revoke(
    cli: Cli, token: Annotated[str, typer.Argument(metavar="TOKEN", help="A token's id.", show_default=False)]
) -> None:
    """Make a token useless at once."""
    reply = await cli.stead.projects.RevokeToken(RevokeTokenRequest(**cli.mutation, token_id=token))
    cli.say(reply, f"Revoked {token}")
