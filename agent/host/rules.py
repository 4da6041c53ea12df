"""The rules of one namespace, kept as they were asked for, whoever else writes there.

The kernel counts the transactions of a namespace. While its count is the one that our own last transaction left,
nothing has changed; else all tables are listed and compared with what the kernel makes of the same tables in an empty
namespace, and what differs is made anew. So a pass over rules that nobody touched costs next to nothing, and one over
rules that somebody did finds every chain, rule and element.
"""

import ctypes
import os
import re
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import starmap

from agent.host import nft
from agent.host.nft import Device, Set, Table
from agent.host.rtnetlink import attributes, own_socket

_CLONE_NEWNET = 0x40000000
_NETLINK_NETFILTER = 12
_NFT_MSG_GETGEN = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES
_NFTA_GEN_ID = 1
_BLOCK = re.compile(r"^\t(?P<what>\w+) (?P<name>\S+) \{\n(?P<body>.*?)^\t\}\n", re.MULTILINE | re.DOTALL)  # Of a table.
_ELEMENTS = "\t\telements = {"


@dataclass(frozen=True, slots=True)
class _Known:
    tables: tuple[Table, ...]
    generation: int


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

    def change(self, old: Sequence[Table], new: Sequence[Table]) -> bool:
        """Make parts of tables into others, in one transaction; nothing is read but the count.

        Returns False, and does nothing, where it is not known what there is, or it can't be changed: `converge` then.
        """
        known, parts = self._known, list(zip(old, new, strict=True))
        if known is None or known.generation != generation() or not all(starmap(nft.is_change, parts)):
            return False
        self._known = None
        commands = "".join(starmap(nft.changes, parts))
        nft.apply(commands)
        tables = {table.name: table for table in known.tables}
        tables |= {now.name: _merged(tables[now.name], was, now) for was, now in parts}
        self._known = _Known(tuple(tables.values()), known.generation + bool(commands))
        return True

    def device(self, table: str, chain: str) -> Device | None:
        """That a chain is bound to, as far as is known."""
        tables = self._known.tables if self._known else ()
        found = (each.chains[chain].device for each in tables if each.name == table and chain in each.chains)
        return next(found, None)

    def forget(self) -> None:
        """When to call: the namespace is another one now."""
        self._known = None


def generation() -> int:
    """How many transactions the calling thread's namespace has seen."""
    request = struct.pack("=IHHIIBBH", 20, _NFT_MSG_GETGEN, 1, 1, 0, socket.AF_UNSPEC, 0, 0)
    with own_socket(_NETLINK_NETFILTER) as netlink:
        netlink.send(request)
        answer = netlink.recv(8192)
    return int.from_bytes(attributes(answer[20:])[_NFTA_GEN_ID], "big")


def _from_known(known: tuple[Table, ...], wanted: Iterable[Table], changed: Iterable[str]) -> str:
    old = {table.name: table for table in known}
    return "".join(
        nft.whole(table) if table.name in changed or table.name not in old else nft.delta(old[table.name], table)
        for table in wanted
    )


def _merged(whole: Table, was: Table, now: Table) -> Table:
    """The whole after a part of it changed."""
    sets = {name: each for name, each in whole.sets.items() if name in now.sets or name not in was.sets}
    sets |= {name: _merged_set(sets.get(name), was.sets.get(name), each) for name, each in now.sets.items()}
    chains = {name: each for name, each in whole.chains.items() if name not in was.chains}
    return Table(whole.name, sets, {**chains, **now.chains})


def _merged_set(whole: Set | None, was: Set | None, now: Set) -> Set:
    """Thousands of elements are copied the first time alone."""
    if whole is None or was is None or was.elements == now.elements:
        return whole or now
    elements = whole.elements if isinstance(whole.elements, set) else set(whole.elements)
    elements -= was.elements - now.elements
    elements |= now.elements - was.elements
    return replace(whole, elements=elements)


def _stands(table: Table) -> bool:
    """Whether the calling thread's namespace has the table as it is."""
    return things(nft.listing(table.name)) == _scratch.submit(_as_kernel_has_it, table).result()


def _as_kernel_has_it(table: Table) -> frozenset[str]:
    """In the scratch namespace, which has no device but `lo`."""
    nft.apply(nft.whole(replace(table, chains={name: _on(chain, "lo") for name, chain in table.chains.items()})))
    try:
        return things(nft.listing(table.name), {n: chain.device for n, chain in table.chains.items() if chain.device})
    finally:
        nft.apply(nft.delete(table.name))


def _on(chain: nft.Chain, device: str) -> nft.Chain:
    return replace(chain, device=Device(device, 0)) if chain.device else chain


def things(listing: str, devices: Mapping[str, Device] | None = None) -> frozenset[str]:
    """What a table has, one text for each, whatever order it came in; `devices` by chain replace `lo`. Pure.

    The rules of a chain are one thing, since their order is part of what they are; elements of a set are one each. What
    was counted is nothing.
    """
    found = set[str]()
    for block in _BLOCK.finditer(listing):
        name, body = block["name"], block["body"]
        if devices and name in devices:
            body = body.replace('device "lo"', f'device "{devices[name].name}"', 1)
        body, _, elements = body.partition(_ELEMENTS)
        found |= (
            {f"{name} {element.strip()}" for element in elements.rpartition("}")[0].split(",")} if elements else set()
        )
        found.add(f"{block['what']} {name} {body if block['what'] != 'counter' else ''}")
    return frozenset(found | {_BLOCK.sub("", listing).strip()})


def _leave_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"no scratch namespace: {os.strerror(ctypes.get_errno())}")


_scratch = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scratch", initializer=_leave_namespace)
