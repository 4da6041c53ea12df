"""Projects and tokens."""

import secrets
from datetime import datetime

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.api.roles import OF_TOKENS
from controlplane.model.project import Project, Token
from controlplane.model.state import State
from controlplane.service import describing, projects
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
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.projects(state, call, request.project_ids),
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
        now = self._edge.clock()
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.tokens(state, request.token_ids),
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
