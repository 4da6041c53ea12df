"""What ends by the clock: terminated instances, NAT gateways, peerings, calls, join tokens, forgotten images."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile

from controlplane.model.audit import CallRecord
from controlplane.model.instance import Instance
from controlplane.model.state import Change, State
from controlplane.model.table import Row
from controlplane.service import images, vpc_peerings
from controlplane.service.call import Call

# Rows that one step forgets. Fewer: more commits. More: all calls wait for the step, some 10 us for each row.
SLICE = 500


def sweep(state: State, call: Call) -> tuple[Change, bool]:
    """Forget some of what nobody may ask for any more; whether there may be more of it."""
    change = Change()
    change.put(*islice(vpc_peerings.expired(state, call), SLICE))
    change.delete(*islice(_forgotten(state, call), SLICE))
    return change, len(change) >= SLICE


def _forgotten(state: State, call: Call) -> Iterator[Row]:
    yield from (row for row in state.instances.terminated.of(True) if _is_over(state, call, row))
    yield from (row for row in state.nat_gateways.ended.of(True) if _was_long_ago(call, row.deleted_at))
    yield from (row for row in state.vpc_peering_connections.ended.of(True) if _was_long_ago(call, row.ended_at))
    yield from (row for row in _old_calls(state, call) if not _has_launched(state, row))
    yield from (row for row in state.host_tokens if not row.join_hash and row.expires_at < call.now)
    yield from (row for row in state.images if row.deregistered_at and not images.is_needed(state, row.id))


def _is_over(state: State, call: Call, row: Instance) -> bool:
    return not state.attachments.instance.count(row.id) and _was_long_ago(call, row.terminated_at)


def _was_long_ago(call: Call, ended_at: datetime | None) -> bool:
    return ended_at is not None and ended_at + call.policy.terminated_visible < call.now


def _old_calls(state: State, call: Call) -> Iterator[CallRecord]:
    """Those of before the retention, which come first; and of a project that has too many its first."""
    latest = call.now - call.policy.call_retention
    yield from takewhile(lambda row: row.created_at < latest, state.calls)
    for project in state.projects:
        surplus = state.calls.project.count(project.id) - call.policy.calls_remembered
        if surplus > 0:
            yield from state.calls.project.of(project.id)[:surplus]


def _has_launched(state: State, row: CallRecord) -> bool:
    """A launch's record lives as long as anything of the launch."""
    return row.operation == "RunInstances" and any(made in state.instances for made in json.loads(row.result))
