"""Whatever is told in whatever order: the same step by step as in one."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent import legacy
from agent.model import Ref, RuleSpec
from agent.objects import (
    Address,
    Attachment,
    Endpoint,
    Host,
    Instance,
    InternetGateway,
    NatGateway,
    Object,
    Route,
    RouteTable,
    ScopeChange,
    SecurityGroup,
    Subnet,
    Volume,
    Vpc,
)
from agent.views import View
from agent.vpc import VpcView

from .host import ADDRESS, INSTANCE
from .worlds import LOCAL, ME, OTHER, RULES, World, put, specs


@pytest.mark.parametrize("seed", range(20))
def test_step_by_step_it_is_the_same_as_in_one(seed: int) -> None:
    chance, world = random.Random(seed), World()
    known: dict[Ref, View] = {}
    for _ in range(60):
        changes = [_change(chance, world) for _ in range(chance.randint(1, 4))]
        left = ["vpc-1"] if chance.random() < 0.05 else []
        causes = world.tell(*changes, left=left)
        assert specs(world.views) == world.anew()
        differing = {ref for ref in known.keys() | world.views.by_ref.keys() if _other(known, world.views.by_ref, ref)}
        assert differing <= causes.keys()
        assert all(ref in causes for ref in differing)
        known = dict(world.views.by_ref)


def _other(old: Mapping[Ref, View], new: Mapping[Ref, View], ref: Ref) -> bool:
    a, b = (table.get(ref) for table in (old, new))
    if isinstance(a, VpcView) and isinstance(b, VpcView):
        return a.spec != b.spec
    return a != b


def _change(chance: random.Random, world: World) -> ScopeChange:
    scope, value = _anything(chance)
    there = list(world.objects.scopes.get(scope, {}))
    remove = (chance.choice(there),) if there and chance.random() < 0.4 else ()
    return ScopeChange(scope, reset=chance.random() < 0.03, put=(put(value),), remove=remove)


def _anything(chance: random.Random) -> tuple[str, Object]:
    vpc_id = chance.choice(["vpc-1", "vpc-2"])
    number, host_id = chance.randint(1, 4), chance.choice([ME, OTHER, "host-3"])
    tail = f"{vpc_id[-1]}{number}"
    ip = f"172.31.{vpc_id[-1]}.{number}" if chance.random() < 0.9 else ""
    groups = tuple(sorted(chance.sample([f"sg-{vpc_id[-1]}{n}" for n in (1, 2, 3)], chance.randint(1, 3))))
    rules = tuple(chance.sample([*RULES, RuleSpec(False, "tcp", 1, 1, group_id=chance.choice(groups))], 2))
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    assert isinstance(instance, Instance)
    choices: list[tuple[str, Object]] = [
        ("region", Host(f"host-{number}", number, f"192.0.2.{number}", chance.choice(["", "key"]))),
        (vpc_id, Vpc(vpc_id, 7 + int(vpc_id[-1]), "172.31.0.0/16", chance.choice(["", "x.internal"]))),
        (vpc_id, Subnet(*_subnet(chance, vpc_id))),
        (vpc_id, SecurityGroup(chance.choice(groups), vpc_id, f"name-{number}", rules)),
        (vpc_id, InternetGateway(f"igw-{vpc_id}", vpc_id, chance.choice([host_id, ""]), number)),
        (vpc_id, RouteTable(*_table(chance, vpc_id))),
        (
            vpc_id,
            NatGateway(f"nat-{tail}", vpc_id, f"subnet-{vpc_id[-1]}{chance.randint(1, 2)}", "", f"192.0.2.{tail}"),
        ),
        (vpc_id, Endpoint(f"eni-{tail}", vpc_id, f"subnet-{vpc_id[-1]}1", host_id, f"i-{number}", 0, "m", ip, groups)),
        (vpc_id, Address(f"eipalloc-{vpc_id}-{chance.randint(1, 2)}", vpc_id, f"eni-{tail}", f"198.51.100.{tail}")),
        (ME, Volume(f"vol-{number}", 1 << 30, deleted=chance.random() < 0.2)),
        (ME, Attachment(*_attachment(chance, number, host_id))),
        (ME, replace(instance, id=f"i-{number}", generation=chance.randint(1, 2))),
    ]
    return chance.choice(choices)


def _subnet(chance: random.Random, vpc_id: str) -> tuple[str, str, str, str]:
    number, table = chance.randint(1, 2), chance.choice(["", f"rtb-{vpc_id}-2"])
    return f"subnet-{vpc_id[-1]}{number}", vpc_id, f"172.31.{number}{chance.randint(0, 3)}.0/24", table


def _table(chance: random.Random, vpc_id: str) -> tuple[str, str, bool, tuple[Route, ...], int]:
    number = chance.randint(1, 2)
    routes = (
        Route(cidr, chance.choice([f"igw-{vpc_id}", *(f"nat-{vpc_id[-1]}{n}" for n in (1, 2))]))
        for cidr in ("0.0.0.0/0", "10.0.0.0/8")
    )
    return f"rtb-{vpc_id}-{number}", vpc_id, number == 1, (LOCAL, *routes), number


def _attachment(
    chance: random.Random, number: int, host_id: str
) -> tuple[str, str, str, int, str, str, int, str, bool]:
    epoch, client = chance.randint(1, 2), chance.choice([ME, OTHER])
    name = f"vol-{number}-e{epoch}"
    return name, f"vol-{number}", f"i-{number}", epoch, host_id, client, 20000, "/dev/sda1", chance.random() < 0.7
