"""One placement decision among many hosts (P6), with all that a call does for it in a zone. In this process.

State and sessions are the real ones, without a database and streams. Each decision comes after the last one's instance
was put, so that it pays for keeping the order, too.
"""

import time
from datetime import UTC, datetime, timedelta
from statistics import median

from benchmarks import hosts
from benchmarks.figures import Figure, Progress, Scale
from controlplane.ids import Prefix, mint
from controlplane.journal import Journal
from controlplane.model.capacity import Resources
from controlplane.model.instance import Desired, Instance
from controlplane.model.policy import Patience, Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, Revision, State
from controlplane.service.call import Call
from controlplane.service.capacity import Claims
from controlplane.sessions import Sessions

HOSTS = (10, 100, 1000, 10_000)
DECISIONS = 300
WANTED = Resources(vcpus=2, memory_mib=512)
ZONE = "bench-1a"


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("placement")
    return [
        Figure(
            f"placement among {count:,} hosts (P6)",
            "us",
            [_decision_us(count) for _ in range(scale.rounds)],
            target=f"P6 {count}",
        )
        for count in HOSTS
    ]


class _Nowhere:
    """A store that keeps nothing."""

    def load(self) -> State:
        return State()

    def commit(self, revisions: list[Revision], now: datetime) -> None:
        return

    def trim_log(self, before_revision: int, limit: int) -> bool:
        return False


def _decision_us(count: int) -> float:
    journal = Journal(_Nowhere(), _now)
    change = Change()
    change.put(*(hosts.host(number, ZONE) for number in range(1, count + 1)))
    journal.apply(change)
    patience = Patience(silence=timedelta(minutes=30), reconnect=timedelta(minutes=30))
    sessions = Sessions(journal, "bench-1", patience, _now, lambda text: text)
    for host in list(journal.state.hosts):
        sessions.open(host.id)
    call = Call("", Role.MEMBER, hosts.NOW, mint, Policy(region="bench-1", zones=(ZONE,)), sessions)
    Claims(journal.state, call)
    return median([_decide_us(journal, call) for _ in range(DECISIONS)])


def _now() -> datetime:
    return datetime.now(UTC)


def _decide_us(journal: Journal, call: Call) -> float:
    began = time.perf_counter()
    host_id = Claims(journal.state, call).compute_host(ZONE, WANTED)
    took_us = (time.perf_counter() - began) * 1e6
    change = Change()
    change.put(_instance(host_id))
    journal.apply(change)
    return took_us


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
        launched_at=hosts.NOW,
        created_at=hosts.NOW,
        tags={},
    )
