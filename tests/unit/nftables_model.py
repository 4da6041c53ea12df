"""What the kernel makes of a transaction of ours, in miniature. It refuses what nftables would."""

import re

from agent.host.nft import Table

Sets = dict[str, set[str]]
Chains = dict[str, list[str]]

_COMMAND = re.compile(r"(?P<what>\w+ \w+) (?P<table>\w+ \w+)(?: (?P<name>[^ ]+))?(?: (?P<rest>.*))?")


class Nftables:
    """Names of tables, what their sets hold and what rules their chains have."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[Sets, Chains]] = {}
        self.generation = 0
        self.counters: set[str] = set()

    def apply(self, commands: str) -> None:
        for line in commands.splitlines():
            command = _COMMAND.fullmatch(line)
            assert command, line
            self._carry_out(**command.groupdict(default=""))
        for sets, chains in self.tables.values():
            _check(sets, chains)
        named = [name for _, chains in self.tables.values() for rules in chains.values() for name in _named(rules)]
        assert self.counters == set(named), "each has a rule, and each rule has one"
        self.generation += bool(commands)

    def holds(self, table: Table) -> bool:
        sets = {name: set(each.elements) for name, each in table.sets.items()}
        chains = {name: list(chain.rules) for name, chain in table.chains.items()}
        return self.tables[table.name] == (sets, chains)

    def _carry_out(self, what: str, table: str, name: str, rest: str) -> None:
        if what == "add table":
            self.tables.setdefault(table, ({}, {}))
            return
        if what == "delete table":
            _, chains = self.tables.pop(table)
            self.counters -= {name for rules in chains.values() for name in _named(rules)}
            return
        sets, chains = self.tables[table]
        match what:
            case "add counter" | "delete counter":
                self.counters = self.counters | {name} if what == "add counter" else self.counters - {name}
            case "add set" | "add map":
                sets.setdefault(name, set())
            case "add chain":
                chains.setdefault(name, [])
            case "add rule":
                chains[name].append(rest)
            case "flush chain":
                chains[name].clear()
            case "add element":
                sets[name] |= _elements(rest)
            case "delete element":
                assert _elements(rest) <= sets[name]
                sets[name] -= _elements(rest)
            case "delete set":
                del sets[name]
            case "delete chain":
                assert not chains.pop(name), "a chain that is deleted has no rules"
            case _:
                raise AssertionError(what)


def _named(rules: list[str]) -> list[str]:
    return [name for rule in rules for name in re.findall(r'counter name "([^"]+)"', rule)]


def _elements(text: str) -> set[str]:
    return set(text.removeprefix("{ ").removesuffix(" }").split(", "))


def _check(sets: Sets, chains: Chains) -> None:
    """Nothing names what is not there."""
    texts = [*(rule for rules in chains.values() for rule in rules), *(each for held in sets.values() for each in held)]
    for text in texts:
        assert set(re.findall(r"@([a-z][a-z0-9.-]*)(?!,)\b", text)) - {"th"} <= sets.keys(), text
        assert set(re.findall(r"(?:jump|goto) ([a-z0-9.-]+)", text)) <= chains.keys(), text
