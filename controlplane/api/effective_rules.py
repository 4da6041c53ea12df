"""What guards an instance, with what its host has counted."""

import asyncio
from collections.abc import Sequence

from controlplane.api.caller import Context, Edge
from controlplane.errors import CloudError
from controlplane.service import effective_rules
from controlplane.service.effective_rules import Count, EffectiveRule, Guarded
from stead.v1 import effective_rules_pb2 as pb

# Shorter: a busy host's counters are not seen. Longer: a caller waits for a host that hangs.
COUNT_TIMEOUT_S = 5


class EffectiveRuleCalls:
    """A part of the servicer of instances."""

    _edge: Edge

    async def GetEffectiveRules(
        self, request: pb.GetEffectiveRulesRequest, context: Context
    ) -> pb.GetEffectiveRulesResponse:
        guarded = await self._edge.read(
            lambda state, call: effective_rules.of_instance(state, call, request.instance_id)
        )
        counts, why_not = await self._count(guarded)
        rules = effective_rules.with_counts(guarded.rules, counts)
        return pb.GetEffectiveRulesResponse(
            instance_id=request.instance_id, rules=map(_to_rule, rules), not_counted=why_not
        )

    async def _count(self, guarded: Guarded) -> tuple[Sequence[Count], str]:
        """The rules are worth telling without."""
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                return await self._edge.sessions.count(guarded.host_id, guarded.interface_ids), ""
        except TimeoutError:
            return (), f"its host did not answer within {COUNT_TIMEOUT_S} s"
        except CloudError as error:
            return (), error.message


def _to_rule(row: EffectiveRule) -> pb.EffectiveRule:
    says = row.says
    return pb.EffectiveRule(
        network_interface_id=row.interface_id,
        is_egress=says.is_egress,
        guard_id=says.guard_id,
        rule_id=row.rule_id,
        rule_number=row.rule_number,
        rule_action="allow" if says.is_allowed else "deny",
        protocol=says.protocol,
        from_port=says.from_port,
        to_port=says.to_port,
        peer=says.peer,
        packets=row.packets,
        bytes=row.bytes,
    )
