"""What ends by the clock: terminated instances, client tokens, join tokens, forgotten images."""

import json
from collections.abc import Iterator
from itertools import islice

from controlplane.model.instance import Instance
from controlplane.model.project import ClientToken
from controlplane.model.state import Change, Row, State
from controlplane.service import images
from controlplane.service.call import Call

# Rows that one step forgets. Fewer: more commits. More: all calls wait for the step, some 10 us for each row.
SLICE = 500


def sweep(state: State, call: Call) -> tuple[Change, bool]:
    """Forget some of what nobody may ask for any more; whether there may be more of it."""
    change = Change()
    change.delete(*islice(_forgotten(state, call), SLICE))
    return change, len(change) == SLICE


def _forgotten(state: State, call: Call) -> Iterator[Row]:
    yield from (row for row in state.instances.by("terminated", True) if _is_over(state, call, row))
    yield from (row for row in state.client_tokens if _is_stale(state, call, row))
    yield from (row for row in state.host_tokens if not row.host_id and row.expires_at < call.now)
    yield from (row for row in state.images if row.deregistered_at and not images.is_needed(state, row.id))


def _is_over(state: State, call: Call, row: Instance) -> bool:
    if row.terminated_at is None or state.attachments.count("instance", row.id):
        return False
    return row.terminated_at + call.policy.terminated_visible < call.now


def _is_stale(state: State, call: Call, row: ClientToken) -> bool:
    """A launch's token lives as long as anything of the launch, and no token less than the retention."""
    if row.created_at + call.policy.client_token_retention > call.now:
        return False
    return row.operation != "RunInstances" or not any(made in state.instances for made in json.loads(row.result))
