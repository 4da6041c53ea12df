"""`stead audit`: the record of calls."""

from collections.abc import Sequence
from typing import Annotated

import typer

from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.audit_pb2 import AuditRecord, DescribeAuditRecordsRequest, DescribeAuditRecordsResponse

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "TIME": lambda record: f"{record.call_time.ToDatetime():%Y-%m-%dT%H:%M:%SZ}",
    "CALL": lambda record: record.operation,
    "RESOURCES": lambda record: _some(record.resource_ids),
    "TOKEN": lambda record: record.token_id,
    "PROJECT": lambda record: record.project_id,
    "REQUEST": lambda record: record.request_id,
}


def _some(ids: Sequence[str]) -> str:
    """The first, and how many more: a launch has several for each instance."""
    return f"{ids[0]} +{len(ids) - 1}" if len(ids) > 1 else "".join(ids)


@command(app, "list")
async def list_(
    cli: Cli,
    filter: Filters = None,
    latest: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the latest first.")] = 50,
) -> None:
    """List the calls that changed something, the latest first.

    JSON has those between them as well that found all as they wanted it.
    """
    reply = DescribeAuditRecordsResponse()
    request = DescribeAuditRecordsRequest(filters=parse_filters(filter))
    while (missing := latest - len(_changes(reply))) > 0:
        request.page_size = min(1000, missing)
        page = await cli.stead.audit.DescribeAuditRecords(request)
        reply.audit_records.extend(page.audit_records)
        reply.revision = reply.revision or page.revision
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    cli.table(reply, COLUMNS, _changes(reply), "No calls.")


def _changes(reply: DescribeAuditRecordsResponse) -> list[AuditRecord]:
    return [record for record in reply.audit_records if record.resource_ids]
