"""nftables: rulesets as data, the difference between two of them, and libnftables in process to apply it.

A `Table` is what a driver wants. `delta` writes the one transaction that turns what is there into it: a member that
joins a set costs one element, a changed chain is refilled, and base chains are never taken down, so that no packet
meets a half-made ruleset. Connection tracking is not touched.

Names are made of ids and of words with a hyphen, neither of which nft reserves.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nftables

_NAME = re.compile(r"[a-z][a-z0-9.-]*")


class NftError(Exception):
    """The kernel or libnftables refused a command; nothing of the transaction took effect."""


@dataclass(frozen=True, slots=True)
class Set:
    """A named set, or a map; `type` as in nft(8), e.g. "type ipv4_addr : verdict". Map elements are "key : value"."""

    type: str
    elements: frozenset[str] = frozenset()

    @property
    def keyword(self) -> str:
        return "map" if " : " in self.type else "set"


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order; a base chain has a `hook`, e.g. "type filter hook input priority filter; policy drop;"."""

    rules: tuple[str, ...]
    hook: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`name` with its family, e.g. "inet stead". An element or a rule may name whatever else is in the table."""

    name: str
    sets: Mapping[str, Set] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Existing:
    """What a table has. An unknown content is None: it is replaced, whatever it was."""

    sets: Mapping[str, Set | None]
    chains: Mapping[str, Chain | None]


NOTHING = Existing({}, {})


def delta(old: Existing | Table, new: Table) -> str:
    """The transaction that makes `old` into `new`; empty when they agree."""
    changed_sets = {name: s for name, s in new.sets.items() if old.sets.get(name) != s or name not in old.sets}
    changed_chains = {name: c for name, c in new.chains.items() if old.chains.get(name) != c}
    gone_sets = [name for name in old.sets if name not in new.sets]
    gone_chains = [name for name in old.chains if name not in new.chains]
    if old != NOTHING and not (changed_sets or changed_chains or gone_sets or gone_chains):
        return ""
    t = new.name
    lines = [f"add table {t}"]
    lines += [f"add {s.keyword} {t} {_name(n)} {{ {s.type}; }}" for n, s in changed_sets.items() if n not in old.sets]
    lines += [f"add chain {t} {_name(n)}{_hook(c)}" for n, c in changed_chains.items() if n not in old.chains]
    lines += [f"flush chain {t} {name}" for name in [*changed_chains, *gone_chains] if name in old.chains]
    for name, wanted in changed_sets.items():
        lines += _element_changes(t, name, wanted, old)
    lines += [f"add rule {t} {name} {rule}" for name, chain in changed_chains.items() for rule in chain.rules]
    lines += [f"delete set {t} {name}" for name in gone_sets]
    lines += [f"delete chain {t} {name}" for name in gone_chains]
    return "".join(f"{line}\n" for line in lines)


def refill(table: Table) -> str:
    """The transaction that declares a table and writes its chains anew, and leaves what its sets have by now."""
    t = table.name
    lines = [f"add table {t}"]
    lines += [f"add {s.keyword} {t} {_name(n)} {{ {s.type}; }}" for n, s in table.sets.items()]
    lines += [f"add chain {t} {_name(n)}{_hook(c)}\nflush chain {t} {n}" for n, c in table.chains.items()]
    lines += [f"add rule {t} {name} {rule}" for name, chain in table.chains.items() for rule in chain.rules]
    return "".join(f"{line}\n" for line in lines)


def delete(table: str) -> str:
    """The transaction that deletes a table, whether it exists or not."""
    return f"add table {table}\ndelete table {table}\n"


def apply(commands: str) -> None:
    """Carry out one transaction in the calling thread's namespace. Raises NftError, and then nothing changed."""
    if commands:
        _run(nftables.Nftables(), commands)


def existing(table: str) -> Existing:
    """The names of what a table has, without the contents, which may be large."""
    found = list_json(f"list table {table}", terse=True)
    return Existing(
        sets={o["name"]: None for kind, o in found if kind in ("set", "map")},
        chains={o["name"]: None for kind, o in found if kind == "chain"},
    )


def has_chain(table: str, chain: str) -> bool:
    """Whether the table and its chain exist."""
    return bool(list_json(f"list chain {table} {chain}"))


def elements(table: str, name: str, keyword: str = "set") -> list[Any]:
    """Elements of a set or map as libnftables-json(5) has them; none where it does not exist."""
    found = list_json(f"list {keyword} {table} {name}")
    return [element for kind, o in found if kind == keyword for element in o.get("elem", ())]


def list_json(command: str, terse: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """(kind, object) pairs that a list command prints; none when what it names does not exist."""
    nft = nftables.Nftables()
    nft.set_json_output(True)
    nft.set_terse_output(terse)
    try:
        output = json.loads(_run(nft, command) or '{"nftables": []}')
    except NftError as error:
        if "No such file or directory" in str(error):
            return []
        raise
    return [pair for entry in output["nftables"] for pair in entry.items()]


def _run(nft: nftables.Nftables, commands: str) -> str:
    code, output, error = nft.cmd(commands)
    if code:
        raise NftError("; ".join(error.strip().splitlines()[:2]) or f"libnftables returned {code}")
    return str(output)


def _element_changes(table: str, name: str, wanted: Set, old: Existing | Table) -> Iterable[str]:
    before = old.sets.get(name)
    if before is None and name in old.sets:
        yield f"flush {wanted.keyword} {table} {name}"
    known = before.elements if before else frozenset()
    for verb, changed in (("delete", known - wanted.elements), ("add", wanted.elements - known)):
        if changed:
            yield f"{verb} element {table} {name} {{ {', '.join(sorted(changed))} }}"


def _hook(chain: Chain) -> str:
    return f" {{ {chain.hook} }}" if chain.hook else ""


def _name(name: str) -> str:
    """Ids come from elsewhere: whatever is not shaped like one never reaches a rule."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name in nftables")
    return name
