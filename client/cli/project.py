"""`stead project`: tenants, and the tokens that act for them."""

from enum import StrEnum
from typing import Annotated

import typer

from client.cli import lookup, render
from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.projects_pb2 import CreateProjectRequest, CreateTokenRequest, DescribeProjectsRequest

app = typer.Typer(no_args_is_help=True)


class Role(StrEnum):
    """What a token allows."""

    ADMIN = "admin"
    MEMBER = "member"
    READER = "reader"


COLUMNS = {
    "PROJECT": lambda project: project.project_id,
    "NAME": lambda project: project.name,
    "CREATED": lambda project: project.create_time.ToJsonString(),
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List projects: all of them for an admin, otherwise your own."""
    request = DescribeProjectsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.projects.DescribeProjects, request)
    cli.table(reply, COLUMNS, reply.projects, "No projects.")


@command(app, "create", mutates=True)
async def create(cli: Cli, name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)]) -> None:
    """Make a project with a default VPC. For admins."""
    reply = await cli.stead.projects.CreateProject(CreateProjectRequest(**cli.mutation, name=name))
    cli.table(reply, COLUMNS, [reply.project])


@command(app, "token", mutates=True)
async def token(
    cli: Cli,
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Name or id.", show_default=False)],
    role: Annotated[Role, typer.Option(help="What it allows.")] = Role.MEMBER,
    lifetime: Annotated[
        int | None, typer.Option(metavar="SECONDS", min=60, help="How long it is valid. Default: until it is revoked.")
    ] = None,
) -> None:
    """Make a token that acts for a project; its secret is shown once. For admins."""
    request = CreateTokenRequest(
        **cli.mutation,
        project_id=await lookup.project_id(cli.stead, project),
        role=f"ROLE_{role.name}",
        lifetime_s=lifetime,
    )
    reply = await cli.stead.projects.CreateToken(request)
    if not cli.is_for_people:
        render.print_json(render.to_document(reply))
    elif reply.secret:
        print(reply.secret)
        render.print_note(f"{reply.token_id}: put it into a configuration as `token`. It is not shown again.")
    else:
        render.print_note(f"{reply.token_id} exists already, and its secret is shown only once.")
