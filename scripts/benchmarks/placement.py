"""One placement decision among many hosts (P6), with all that a call does in a zone. In this process: it is pure.

The state is a real one. Each decision is for an instance whose row the one before has left behind, so that it pays for
keeping the order as well.
"""

import time
from datetime import UTC, datetime
from statistics import median

from benchmarks.figures import Figure, Progress, Scale
from controlplane.ids import Prefix, mint
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole
from controlplane.model.instance import Desired, Instance
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.service.call import Call
from controlplane.service.capacity import Claims

HOSTS = (10, 100, 1000, 10_000)
DECISIONS = 300
WANTED = Resources(vcpus=2, memory_mib=512)
ZONE = "bench-1a"
NOW = datetime.now(UTC)


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("placement")
    return [
        Figure(f"placement among {count:,} hosts (P6)", "us", [_decision_us(count) for _ in range(scale.rounds)])
        for count in HOSTS
    ]


def _decision_us(count: int) -> float:
    state = State()
    change = Change()
    change.put(*(_host(number) for number in range(count)))
    state.apply(change)
    call = Call("", Role.MEMBER, NOW, mint, Policy(region="bench-1", zones=(ZONE,)), {host.id for host in state.hosts})
    Claims(state, call)
    return median([_decide_us(state, call) for _ in range(DECISIONS)])


def _decide_us(state: State, call: Call) -> float:
    began = time.perf_counter()
    host_id = Claims(state, call).compute_host(ZONE, WANTED)
    took_us = (time.perf_counter() - began) * 1e6
    change = Change()
    change.put(_instance(host_id))
    state.apply(change)
    return took_us


def _host(number: int) -> Host:
    return Host(
        id=mint(Prefix.HOST),
        name=f"host-{number}",
        zone=ZONE,
        roles=(HostRole.COMPUTE, HostRole.STORAGE),
        number=number,
        underlay_address=f"10.0.{number // 250}.{number % 250 + 1}",
        vcpus=128,
        memory_mib=262144,
        storage_gib=1000,
        created_at=NOW,
        join_token_id="",
    )


def _instance(host_id: str) -> Instance:
    return Instance(
        id=mint(Prefix.INSTANCE),
        project_id="",
        reservation_id="",
        launch_index=0,
        image_id="",
        instance_type="",
        vcpus=WANTED.vcpus,
        memory_mib=WANTED.memory_mib,
        zone=ZONE,
        host_id=host_id,
        key_name="",
        public_key="",
        user_data=b"",
        desired=Desired.ON,
        desired_revision=1,
        is_settled=False,
        generation=1,
        ran_generation=0,
        reboot_count=0,
        stop_timeout_s=0,
        public_ip_wanted=False,
        shutdown_behavior="stop",
        disable_api_termination=False,
        state_reason=None,
        launched_at=NOW,
        created_at=NOW,
        tags={},
    )
