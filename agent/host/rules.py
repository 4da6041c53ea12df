"""The rules of one namespace, kept as they were asked for, whoever else writes there.

The kernel counts the transactions of a namespace. While its count is the one that our own last transaction left,
nothing has changed; else all tables are listed and compared with what the kernel makes of the same tables in an empty
namespace, and what differs is made anew. So a pass over rules that nobody touched costs next to nothing, and one over
rules that somebody did finds every chain, rule and element.
"""

import ctypes
import json
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from agent.host import nft
from agent.host.nft import Device, Table
from agent.host.rtnetlink import attributes

_CLONE_NEWNET = 0x40000000
_NETLINK_NETFILTER = 12
_NFT_MSG_GETGEN = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES
_NFTA_GEN_ID = 1


@dataclass(frozen=True, slots=True)
class _Known:
    tables: tuple[Table, ...]
    generation: int


@dataclass(frozen=True, slots=True)
class Elements:
    """What leaves a set, and what comes into it."""

    gone: frozenset[str]
    new: frozenset[str]


class Rules:
    """Not for two threads at once; each method is called inside of the namespace."""

    def __init__(self, obsolete: tuple[str, ...] = ()) -> None:
        """`obsolete` are tables that an older agent made: they go."""
        self._obsolete = obsolete
        self._known: _Known | None = None

    def converge(self, *tables: Table) -> tuple[str, ...]:
        """Make these tables so, in one transaction. Returns the names of those that somebody had changed.

        Raises NftError, and then all tables are compared the next time.
        """
        known, self._known = self._known, None
        now = generation()
        changed: tuple[str, ...] = ()
        if known is None:
            gone = "".join(map(nft.delete, self._obsolete))
            commands = gone + "".join(nft.whole(table) for table in tables if not _stands(table))
        else:
            if known.generation != now:
                changed = tuple(table.name for table in known.tables if not _stands(table))
            commands = _from_known(known.tables, tables, changed)
        nft.apply(commands)
        # Had somebody else come between, the kernel's count is higher, and the next pass looks.
        self._known = _Known(tables, now + bool(commands))
        return changed

    def change_elements(self, table: str, changes: Mapping[str, Elements]) -> bool:
        """Change these sets of a table, in one transaction; nothing else is written, and nothing read but the count.

        Returns False, and does nothing, where it is not known what there is: `converge` then.
        """
        known = self._known
        if known is None or known.generation != generation():
            return False
        self._known = None
        lines = (
            line for name, each in changes.items() for line in nft.element_changes(table, name, each.new, each.gone)
        )
        nft.apply("".join(f"{line}\n" for line in lines))
        tables = tuple(_changed(each, changes) if each.name == table else each for each in known.tables)
        self._known = _Known(tables, known.generation + bool(changes))
        return True

    def forget(self) -> None:
        """When to call: the namespace is another one now."""
        self._known = None


def generation() -> int:
    """How many transactions the calling thread's namespace has seen."""
    request = struct.pack("=IHHIIBBH", 20, _NFT_MSG_GETGEN, 1, 1, 0, socket.AF_UNSPEC, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        netlink.send(request)
        answer = netlink.recv(8192)
    return int.from_bytes(attributes(answer[20:])[_NFTA_GEN_ID], "big")


def _from_known(known: tuple[Table, ...], wanted: Iterable[Table], changed: Iterable[str]) -> str:
    old = {table.name: table for table in known}
    return "".join(
        nft.whole(table) if table.name in changed or table.name not in old else nft.delta(old[table.name], table)
        for table in wanted
    )


def _changed(table: Table, changes: Mapping[str, Elements]) -> Table:
    sets = dict(table.sets)
    for name, each in changes.items():
        sets[name] = replace(sets[name], elements=sets[name].elements - each.gone | each.new)
    return replace(table, sets=sets)


def _stands(table: Table) -> bool:
    """Whether the calling thread's namespace has the table as it is."""
    try:
        found = _listed(table.name)
    except nft.NftError:  # It has what we never set.
        return False
    return found == _scratch.submit(_as_kernel_has_it, table).result()


def _as_kernel_has_it(table: Table) -> frozenset[str]:
    """In the scratch namespace, which has no device but `lo`."""
    nft.apply(nft.whole(replace(table, chains={name: _on(chain, "lo") for name, chain in table.chains.items()})))
    try:
        return _listed(table.name, {name: chain.device for name, chain in table.chains.items() if chain.device})
    finally:
        nft.apply(nft.delete(table.name))


def _on(chain: nft.Chain, device: str) -> nft.Chain:
    return replace(chain, device=Device(device, 0)) if chain.device else chain


def _listed(table: str, devices: dict[str, Device] | None = None) -> frozenset[str]:
    """What a table has, one text for each thing, whatever order it came in; `devices` by chain replace those found."""
    things = set()
    positions: dict[str, int] = {}
    for kind, found in nft.list_json(f"list table {table}"):
        thing: dict[str, Any] = {kind: found}
        found.pop("handle", None)
        if kind == "rule":  # Their order within a chain is part of what they are.
            thing["position"] = positions[found["chain"]] = positions.get(found["chain"], 0) + 1
        elif devices and "dev" in found:
            found["dev"] = devices[found["name"]].name
        elif "elem" in found:
            things |= {json.dumps([found["name"], element]) for element in found.pop("elem")}
        if kind != "metainfo":
            things.add(json.dumps(thing, sort_keys=True))
    return frozenset(things)


def _leave_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"no scratch namespace: {os.strerror(ctypes.get_errno())}")


_scratch = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scratch", initializer=_leave_namespace)
