"""The VPCs' namespaces on this host: what is known of each, and what is done in several of them."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from agent.drivers.network_vxlan import ruleset
from agent.drivers.network_vxlan.endings import Endings
from agent.host import namespaces
from agent.host.rules import Rules
from agent.model import PeeringSpec
from agent.vpc import VpcView

P = ParamSpec("P")
K = TypeVar("K")
T = TypeVar("T")

PREFIX = namespaces.vpc_namespace("vpc-")


class Place:
    """A VPC's namespace as this agent left it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules = Rules(obsolete=(ruleset.OBSOLETE,))
        self.endings = Endings()
        self.view: VpcView | None = None  # As it was last brought to; its ports may be plugged. None: not known.
        self.waiting: tuple[PeeringSpec, ...] = ()  # Of its peerings, those whose other VPC was not here yet.
        self.is_adopted = False  # Whether its daemons have read all that they were given.

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What fails half-way is not known: rules of before must not come back with the next port."""
        with self.lock:
            try:
                yield
            except BaseException:
                self.view = None
                raise

    def has_port(self, interface_id: str) -> bool:
        return self.view is not None and interface_id in self.view.local


def names() -> frozenset[str]:
    return namespaces.names(PREFIX)


def vpc_id(namespace: str) -> str:
    return namespace.removeprefix(namespaces.vpc_namespace(""))


def of(known: Mapping[str, Place], interface_ids: Collection[str]) -> Collection[str]:
    """Namespaces in which the taps of these may be: their VPCs'; of a VPC that is not known yet, any."""
    owners = {id: [vpc_id for vpc_id, place in [*known.items()] if place.has_port(id)] for id in interface_ids}
    if not all(owners.values()):
        return names()
    return {namespaces.vpc_namespace(vpc_id) for vpc_ids in owners.values() for vpc_id in vpc_ids}


def in_each(places: Iterable[str], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> dict[str, T]:
    """Call it in each of these namespaces that there is; results by namespace."""
    results = {}
    for place in sorted(filter(namespaces.exists, places)):
        with suppress(FileNotFoundError):  # Removed meanwhile.
            results[place] = namespaces.call(place, function, *args, **kwargs)
    return results


def merged(by_namespace: Mapping[str, Mapping[K, T]]) -> dict[K, T]:
    return {key: value for found in by_namespace.values() for key, value in found.items()}
