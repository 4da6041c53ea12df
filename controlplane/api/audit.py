"""The record of calls, for admins."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.model.audit import CallRecord
from controlplane.model.state import State
from controlplane.service import audit
from controlplane.service.call import Call
from stead.v1 import audit_pb2 as pb
from stead.v1.audit_pb2_grpc import AuditServicer


class Audit(AuditServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def DescribeAuditRecords(
        self, request: pb.DescribeAuditRecordsRequest, context: Context
    ) -> pb.DescribeAuditRecordsResponse:
        def query(state: State, call: Call) -> pb.DescribeAuditRecordsResponse:
            rows, token = audit.look_back(state.calls, convert.to_listing(request, call))
            return pb.DescribeAuditRecordsResponse(
                audit_records=map(_message, rows), next_page_token=token, revision=state.revision
            )

        return await self._edge.read(query)


def _message(row: CallRecord) -> pb.AuditRecord:
    return pb.AuditRecord(
        request_id=row.request_id,
        call_time=convert.timestamp(row.created_at),
        project_id=row.project_id,
        token_id=row.token_id,
        operation=row.operation,
        resource_ids=row.resource_ids,
    )
