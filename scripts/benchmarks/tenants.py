"""Projects beside the admin's own: each has a VPC, and a VPC's default subnets have room for some 65,000 instances."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from benchmarks.region import Running
from client.connection import Stead
from stead.v1.common_pb2 import ROLE_MEMBER
from stead.v1.images_pb2 import ModifyImageAttributeRequest
from stead.v1.projects_pb2 import CreateProjectRequest, CreateTokenRequest


async def tenants_of(base: Running, count: int, stack: AsyncExitStack) -> Sequence[Running]:
    """The same region, as each of so many new projects sees it."""
    public = ModifyImageAttributeRequest(image_id=base.image_id, is_public=True)
    await base.stead.images.ModifyImageAttribute(public)
    tenants = []
    for number in range(count):
        project = (await base.stead.projects.CreateProject(CreateProjectRequest(name=f"tenant-{number}"))).project
        request = CreateTokenRequest(project_id=project.project_id, role=ROLE_MEMBER)
        token = (await base.stead.projects.CreateToken(request)).secret
        stead = await stack.enter_async_context(Stead(replace(base.region.client, token=token)))
        tenants.append(Running(base.region, stead, base.control_plane, base.fleet, base.image_id))
    return tenants
