"""Client tokens and dry runs, around a use case that counts its runs."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from controlplane.errors import Conflict, Invalid
from controlplane.model.host import Zone
from controlplane.model.state import Change, State
from controlplane.service.call import Call
from controlplane.service.idempotency import RESOURCES_NAMED, Attempt, Outcome, attempt, fingerprint
from tests.unit.region import Region

REQUESTS = count(1)


class Counting:
    def __init__(self) -> None:
        self.region = Region()
        self.other = "proj-other"
        self.runs = 0

    def __call__(self, state: State, call: Call) -> tuple[Change, list[str]]:
        self.runs += 1
        change = Change()
        change.put(Zone(f"{call.project_id}/{self.runs}", call.now))
        return change, [str(self.runs)]

    def attempt(self, how: Attempt, project_id: str = "") -> Outcome:
        made: Any = self.region.do(lambda state, call: attempt(state, call, how, self), project_id=project_id)
        return made  # type: ignore[no-any-return]


def how(token: str = "t", request_hash: str = "h", operation: str = "Run", dry_run: bool = False) -> Attempt:
    return Attempt(operation, token, request_hash, dry_run, "tok-1", f"req-{next(REQUESTS)}")


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_a_repeated_token_returns_the_first_result_and_does_nothing(counting: Counting) -> None:
    assert counting.attempt(how()) == Outcome(["1"], is_replay=False)
    revision = counting.region.state.revision
    assert counting.attempt(how()) == Outcome(["1"], is_replay=True)
    assert (counting.runs, counting.region.state.revision) == (1, revision)


def test_without_a_token_every_call_is_new(counting: Counting) -> None:
    assert [counting.attempt(how(token="")).result for _ in range(2)] == [["1"], ["2"]]


@pytest.mark.parametrize("other", [how(request_hash="x"), how(operation="Stop")])
def test_a_token_with_other_parameters_is_refused(counting: Counting, other: Attempt) -> None:
    counting.attempt(how())
    with pytest.raises(Conflict, match="used for Run") as caught:
        counting.attempt(other)
    assert caught.value.code == "IdempotentParameterMismatch"
    assert counting.runs == 1


def test_tokens_of_projects_and_of_letter_cases_are_different(counting: Counting) -> None:
    made = [counting.attempt(how()), counting.attempt(how(), counting.other), counting.attempt(how("T"))]
    assert [outcome.result for outcome in made] == [["1"], ["2"], ["3"]]


def test_a_dry_run_checks_all_and_keeps_nothing(counting: Counting) -> None:
    revision = counting.region.state.revision
    with pytest.raises(Conflict) as caught:
        counting.attempt(how(dry_run=True))
    assert caught.value.code == "DryRunOperation"
    assert counting.region.state.revision == revision
    assert counting.attempt(how()).result == ["2"]


def test_a_refused_call_leaves_its_token_unused(counting: Counting) -> None:
    def refuse(state: State, call: Call) -> Any:
        raise Conflict("VolumeInUse", "no")

    with pytest.raises(Conflict):
        counting.region.do(lambda state, call: attempt(state, call, how(), refuse))
    assert not counting.attempt(how()).is_replay


@pytest.mark.parametrize("token", ["x" * 65, "a\nb", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_tokens_are_64_ascii_characters(counting: Counting, token: str) -> None:
    with pytest.raises(Invalid, match="64 printable ASCII"):
        counting.attempt(how(token))
    assert counting.attempt(how("x" * 64)).result == ["1"]


def test_every_accepted_call_has_one_record_with_what_it_changed(counting: Counting) -> None:
    asked = how()
    counting.attempt(asked)
    counting.attempt(how(token=""))
    counting.attempt(how())
    for refused in (how(dry_run=True), how(request_hash="x")):
        with pytest.raises(Conflict):
            counting.attempt(refused)
    first, second = counting.region.state.calls
    assert (first.operation, first.token_id, first.request_id) == ("Run", "tok-1", asked.request_id)
    assert (first.resource_ids, second.resource_ids) == ((f"{first.project_id}/1",), (f"{first.project_id}/2",))


def test_a_record_names_no_more_than_some_of_what_was_changed(counting: Counting) -> None:
    def change_much(state: State, call: Call) -> tuple[Change, None]:
        change = Change()
        change.put(*(Zone(f"zone-{number}", call.now) for number in range(1000)))
        return change, None

    counting.region.do(lambda state, call: attempt(state, call, how(), change_much))
    (record,) = counting.region.state.calls
    assert record.resource_ids == tuple(f"zone-{number}" for number in range(RESOURCES_NAMED))


@dataclass(frozen=True)
class Part:
    name: str = ""


@dataclass(frozen=True)
class Asked:
    name: str
    secret_hash: str = field(compare=False)
    ids: Any = ()
    tags: Any = field(default_factory=dict)
    parts: Any = ()
    data: bytes = b""


@dataclass(frozen=True)
class AskedOfLaterRelease(Asked):
    size: int = 0


def test_a_fingerprint_is_that_of_what_was_asked() -> None:
    asked = Asked("a", "x", ["1", "2"], {"k": "v", "l": "w"}, [Part("p")], b"\0")
    same = AskedOfLaterRelease("a", "y", ("1", "2"), {"l": "w", "k": "v"}, (Part("p"),), b"\0")
    assert fingerprint(asked) == fingerprint(same)
    others = [
        Asked("b", "x", ["1", "2"], {"k": "v", "l": "w"}, [Part("p")], b"\0"),
        Asked("a", "x", ["2", "1"], {"k": "v", "l": "w"}, [Part("p")], b"\0"),
        Asked("a", "x", ["1", "2"], {"k": "w", "l": "v"}, [Part("p")], b"\0"),
        Asked("a", "x", ["1", "2"], {"k": "v", "l": "w"}, [Part()], b"\0"),
        Asked("a", "x", ["1", "2"], {"k": "v", "l": "w"}, [Part("p")], b"\1"),
    ]
    assert fingerprint(asked) not in map(fingerprint, others)
    assert fingerprint("i-1") != fingerprint(["i-1"])
