"""nftables: rulesets as data, the difference between two of them, and libnftables in process to apply it.

A `Table` is what a driver wants. `delta` writes the one transaction that turns one into another: a member that joins a
set costs one element, a changed chain is refilled, and no packet meets a half-made ruleset. Connection tracking is not
touched. `agent.host.rules` keeps a namespace so, whoever else writes there.

A counter that a rule names (`counter name "x"`) comes with the rule, is one chain's alone, and goes on when that is
refilled.

Names are made of ids and of words with a hyphen, neither of which nft reserves.
"""

import json
import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import nftables

_NAME = re.compile(r"[a-z][a-z0-9.-]*")
_COUNTER = re.compile(r'\bcounter name "([^"]+)"')


class NftError(Exception):
    """The kernel or libnftables refused a command; nothing of the transaction took effect."""


@dataclass(frozen=True, slots=True)
class Set:
    """A named set, or a map; `type` as in nft(8), e.g. "type ipv4_addr : verdict". Map elements are "key : value"."""

    type: str
    elements: AbstractSet[str] = frozenset()

    @property
    def keyword(self) -> str:
        return "map" if " : " in self.type else "set"


@dataclass(frozen=True, slots=True)
class Device:
    """What a chain of family netdev is bound to. It ends with its device, and one made anew has another index."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order; a base chain has a `hook`, e.g. "type filter hook input priority filter; policy drop;".

    With a `device`, the hook has `{device}` where its name belongs.
    """

    rules: tuple[str, ...]
    hook: str = ""
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`name` with its family, e.g. "inet stead". An element or a rule may name whatever else is in the table."""

    name: str
    sets: Mapping[str, Set] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)


def delta(old: Table, new: Table) -> str:
    """The transaction that makes `old` into `new`; empty when they agree.

    What can't be changed in place takes the table made anew as a whole.
    """
    return changes(old, new) if is_change(old, new) else whole(new)


def is_change(old: Table, new: Table) -> bool:
    """Whether one can be made into the other in place: the kernel can't change a set's type or a chain's hook."""
    if any(new.sets[n].type != s.type for n, s in old.sets.items() if n in new.sets):
        return False
    common = ((chain, new.chains[name]) for name, chain in old.chains.items() if name in new.chains)
    return all((was.hook, was.device) == (now.hook, now.device) for was, now in common)


def changes(old: Table, new: Table) -> str:
    """The same in place, also of parts of tables: what neither part has stays as it is."""
    sets = {name: s for name, s in new.sets.items() if old.sets.get(name) != s}
    chains = {name: c for name, c in new.chains.items() if old.chains.get(name) != c}
    gone_sets = [name for name in old.sets if name not in new.sets]
    gone_chains = {name: c for name, c in old.chains.items() if name not in new.chains}
    counters, known_counters = _counters(new), _counters(old)
    t = new.name
    lines = [f"add counter {t} {_name(n)}" for n in counters if n not in known_counters]
    lines += [f"add {s.keyword} {t} {_name(n)} {{ {s.type}; }}" for n, s in sets.items() if n not in old.sets]
    lines += [f"add chain {t} {_name(n)}{_hook(c)}" for n, c in chains.items() if n not in old.chains]
    lines += [f"add chain {t} {n}" for n, c in gone_chains.items() if c.device]  # Its device may have taken it along.
    lines += [f"flush chain {t} {name}" for name in [*chains, *gone_chains] if name in old.chains]
    for name, wanted in sets.items():
        known = old.sets[name].elements if name in old.sets else frozenset()
        lines += _element_changes(t, name, wanted.elements - known, known - wanted.elements)
    lines += [f"add rule {t} {name} {rule}" for name, chain in chains.items() for rule in chain.rules]
    lines += [f"delete set {t} {name}" for name in gone_sets]
    lines += [f"delete chain {t} {name}" for name in gone_chains]
    lines += [f"delete counter {t} {name}" for name in known_counters if name not in counters]
    return "".join(f"{line}\n" for line in lines)


def _counters(table: Table) -> dict[str, None]:
    """Those that its rules name, in their order."""
    rules = (rule for chain in table.chains.values() for rule in chain.rules if "counter name" in rule)
    return {name: None for rule in rules for name in _COUNTER.findall(rule)}


def whole(table: Table) -> str:
    """The transaction that puts a table in place of whatever has its name."""
    return delete(table.name) + f"add table {table.name}\n" + changes(Table(table.name), table)


def delete(table: str) -> str:
    """The transaction that deletes a table, whether it exists or not."""
    return f"add table {table}\ndelete table {table}\n"


def apply(commands: str) -> None:
    """Carry out one transaction in the calling thread's namespace. Raises NftError, and then nothing changed."""
    if commands:
        _run(nftables.Nftables(), commands)


def elements(table: str, name: str) -> list[Any]:
    """Elements of a set as libnftables-json(5) has them; none where it does not exist. Raises NftError."""
    nft = nftables.Nftables()
    nft.set_json_output(True)
    output = _listed(nft, f"set {table} {name}")
    entries = json.loads(output)["nftables"] if output else []
    return [element for entry in entries for element in entry.get("set", {}).get("elem", ())]


def counts(table: str) -> dict[str, tuple[int, int]]:
    """Packets and bytes of its counters; none where it does not exist. Raises NftError."""
    nft = nftables.Nftables()
    nft.set_json_output(True)
    output = _listed(nft, f"counters table {table}")
    found = (entry.get("counter") for entry in (json.loads(output)["nftables"] if output else ()))
    return {row["name"]: (row["packets"], row["bytes"]) for row in found if row}


def listing(table: str) -> str:
    """A table as nft(8) prints it, without what it counted; empty where it does not exist. Raises NftError.

    JSON takes four times as long.
    """
    nft = nftables.Nftables()
    nft.set_stateless_output(True)
    return _listed(nft, f"table {table}")


def _listed(nft: nftables.Nftables, what: str) -> str:
    try:
        return _run(nft, f"list {what}")
    except NftError as error:
        if "No such file or directory" in str(error):
            return ""
        raise


def _run(nft: nftables.Nftables, commands: str) -> str:
    code, output, error = nft.cmd(commands)
    if code:
        raise NftError("; ".join(error.strip().splitlines()[:2]) or f"libnftables returned {code}")
    return str(output)


def _element_changes(table: str, name: str, new: Collection[str], gone: Collection[str]) -> list[str]:
    verbs = (("delete", gone), ("add", new))
    return [f"{verb} element {table} {name} {{ {', '.join(sorted(each))} }}" for verb, each in verbs if each]


def _hook(chain: Chain) -> str:
    if chain.device:
        return f" {{ {chain.hook.format(device=chain.device.name)} }}"
    return f" {{ {chain.hook} }}" if chain.hook else ""


def _name(name: str) -> str:
    """Ids come from elsewhere: whatever is not shaped like one never reaches a rule."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name in nftables")
    return name
