"""The VPCs' namespaces on this host, and what is done in several of them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import ParamSpec, TypeVar

from agent.host import namespaces

P = ParamSpec("P")
K = TypeVar("K")
T = TypeVar("T")

PREFIX = namespaces.vpc_namespace("vpc-")


def names() -> frozenset[str]:
    return namespaces.names(PREFIX)


def vpc_id(namespace: str) -> str:
    return namespace.removeprefix(namespaces.vpc_namespace(""))


def in_each(places: Iterable[str], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> dict[str, T]:
    """Call it in each of these namespaces that there is; results by namespace."""
    results = {}
    for place in sorted(filter(namespaces.exists, places)):
        with suppress(FileNotFoundError):  # Removed meanwhile.
            results[place] = namespaces.call(place, function, *args, **kwargs)
    return results


def merged(by_namespace: Mapping[str, Mapping[K, T]]) -> dict[K, T]:
    return {key: value for found in by_namespace.values() for key, value in found.items()}
