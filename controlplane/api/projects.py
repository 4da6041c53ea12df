"""Projects and tokens."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe, named
from controlplane.api.roles import OF_TOKENS
from controlplane.model.project import Project, Role, Token
from controlplane.model.state import State
from controlplane.service import projects
from controlplane.service.call import Call, not_found
from stead.v1 import projects_pb2 as pb
from stead.v1.projects_pb2_grpc import ProjectsServicer

TOKEN_PREFIX = "stead-"  # noqa: S105 - lets people and secret scanners recognise a token


def new_secret() -> str:
    """256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


class Projects(ProjectsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        def reply(state: State, project_id: str) -> pb.CreateProjectResponse:
            return pb.CreateProjectResponse(project=to_project(state.projects[project_id]))

        made, _ = await self._edge.mutate(request, projects.create, request.name, reply)
        return made

    async def DescribeProjects(
        self, request: pb.DescribeProjectsRequest, context: Context
    ) -> pb.DescribeProjectsResponse:
        def visible(state: State, call: Call) -> list[Project]:
            rows = named(state.projects, request.project_ids, call)
            if call.role is Role.ADMIN:
                return rows
            if hidden := set(request.project_ids) - {call.project_id}:
                raise not_found(state.projects.kind, min(hidden))
            return [row for row in rows if row.id == call.project_id]

        found, page = await describe(
            self._edge,
            request,
            visible,
            lambda state: state.projects.attributes,
            lambda state, row, call: to_project(row),
        )
        return pb.DescribeProjectsResponse(projects=found, **page)

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Context) -> pb.CreateTokenResponse:
        secret = new_secret()
        asked = projects.CreateToken(
            project_id=request.project_id,
            role=OF_TOKENS.get(request.role, request.role),
            secret_hash=projects.hash_secret(secret),
            lifetime_s=request.lifetime_s if request.HasField("lifetime_s") else None,
        )

        def reply(state: State, token_id: str) -> pb.CreateTokenResponse:
            expires_at = state.tokens[token_id].expires_at
            return pb.CreateTokenResponse(token_id=token_id, secret=secret, expire_time=convert.maybe(expires_at))

        made, is_replay = await self._edge.mutate(request, projects.create_token, asked, reply)
        if is_replay:
            made.secret = ""
        return made

    async def DescribeTokens(self, request: pb.DescribeTokensRequest, context: Context) -> pb.DescribeTokensResponse:
        """Of all projects: their table has none that a caller is not to see."""
        now = self._edge.clock()
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: _named(state, request.token_ids),
            lambda state: {**state.tokens.attributes, "state": lambda row: row.state(now)},
            lambda state, row, call: to_token(row, now),
        )
        return pb.DescribeTokensResponse(tokens=found, **page)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Context) -> pb.RevokeTokenResponse:
        done, _ = await self._edge.mutate(
            request,
            projects.revoke_token,
            request.token_id,
            lambda state, _: pb.RevokeTokenResponse(),
        )
        return done


def _named(state: State, token_ids: Sequence[str]) -> list[Token]:
    """The tokens of these ids, or all."""
    return [projects.find_token(state, token_id) for token_id in dict.fromkeys(token_ids)] or list(state.tokens)


def to_project(row: Project) -> pb.Project:
    return pb.Project(project_id=row.id, name=row.name, create_time=convert.timestamp(row.created_at))


def to_token(row: Token, now: datetime) -> pb.Token:
    return pb.Token(
        token_id=row.id,
        project_id=row.project_id,
        role=f"ROLE_{row.role.name}",
        state=row.state(now),
        create_time=convert.timestamp(row.created_at),
        expire_time=convert.maybe(row.expires_at),
        revoke_time=convert.maybe(row.revoked_at),
    )
