"""The record of calls: what was done, by whom, and what a repetition of it is answered."""

from datetime import datetime

from controlplane.model.kind import Kind
from controlplane.model.table import Owned
from controlplane.model.value import value


@value(frozen=True, slots=True)
class CallRecord:
    """A call that was accepted. Written with what the call changed, in one step and in one transaction.

    `id` is `<project id>/<client token>`, so that a repetition finds it; without a client token it is the request's.
    `request_hash` covers the parameters. `result` is what the use case returned, JSON, from which the reply is made
    again. `resource_ids` has the first of what it changed.
    """

    id: str
    project_id: str
    token_id: str
    request_id: str
    operation: str
    request_hash: str
    result: str
    resource_ids: tuple[str, ...]
    created_at: datetime


class Calls(Owned[CallRecord]):
    kind = Kind("call")
    row_type = CallRecord
    stored_as = "calls"
    filters = {
        "project-id": lambda row: row.project_id,
        "token-id": lambda row: row.token_id,
        "request-id": lambda row: row.request_id,
        "operation": lambda row: row.operation,
        "resource-id": lambda row: row.resource_ids,
    }
