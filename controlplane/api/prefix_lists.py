"""Managed prefix lists."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.prefix_list import PrefixList
from controlplane.model.state import State
from controlplane.service import prefix_lists
from controlplane.service.call import Call, find
from stead.v1 import prefix_lists_pb2 as pb
from stead.v1.prefix_lists_pb2_grpc import PrefixListsServicer


class PrefixLists(PrefixListsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateManagedPrefixList(
        self, request: pb.CreateManagedPrefixListRequest, context: Context
    ) -> pb.CreateManagedPrefixListResponse:
        asked = convert.to_request(request, prefix_lists.CreatePrefixList)
        made, _ = await self._edge.mutate(
            request,
            prefix_lists.create,
            asked,
            lambda state, list_id: pb.CreateManagedPrefixListResponse(prefix_list=_list(state, list_id)),
        )
        return made

    async def ModifyManagedPrefixList(
        self, request: pb.ModifyManagedPrefixListRequest, context: Context
    ) -> pb.ModifyManagedPrefixListResponse:
        asked = convert.to_request(request, prefix_lists.ModifyPrefixList)
        done, _ = await self._edge.mutate(
            request,
            prefix_lists.modify,
            asked,
            lambda state, list_id: pb.ModifyManagedPrefixListResponse(prefix_list=_list(state, list_id)),
        )
        return done

    async def DeleteManagedPrefixList(
        self, request: pb.DeleteManagedPrefixListRequest, context: Context
    ) -> pb.DeleteManagedPrefixListResponse:
        done, _ = await self._edge.mutate(
            request,
            prefix_lists.delete,
            request.prefix_list_id,
            lambda state, _: pb.DeleteManagedPrefixListResponse(),
        )
        return done

    async def DescribeManagedPrefixLists(
        self, request: pb.DescribeManagedPrefixListsRequest, context: Context
    ) -> pb.DescribeManagedPrefixListsResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.prefix_lists,
            request.prefix_list_ids,
            lambda state, row, call: to_prefix_list(row),
        )
        return pb.DescribeManagedPrefixListsResponse(prefix_lists=found, **page)

    async def GetManagedPrefixListEntries(
        self, request: pb.GetManagedPrefixListEntriesRequest, context: Context
    ) -> pb.GetManagedPrefixListEntriesResponse:
        def entries(state: State, call: Call) -> pb.GetManagedPrefixListEntriesResponse:
            row = find(state.prefix_lists, request.prefix_list_id, call)
            found = [pb.PrefixListEntry(cidr=entry.cidr, description=entry.description) for entry in row.entries]
            return pb.GetManagedPrefixListEntriesResponse(entries=found, version=row.version)

        return await self._edge.read(entries)


def _list(state: State, list_id: str) -> pb.ManagedPrefixList:
    """Empty but for the id when the list that a repeated call made is gone."""
    row = state.prefix_lists.get(list_id)
    return to_prefix_list(row) if row else pb.ManagedPrefixList(prefix_list_id=list_id)


def to_prefix_list(row: PrefixList) -> pb.ManagedPrefixList:
    return pb.ManagedPrefixList(
        prefix_list_id=row.id,
        prefix_list_name=row.name,
        address_family="IPv4",
        max_entries=row.max_entries,
        version=row.version,
        state="create-complete" if row.version == 1 else "modify-complete",
        owner_id=row.project_id,
        tags=row.tags,
    )
