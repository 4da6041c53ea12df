"""Key pairs: the public half. Whoever calls `create` has made the pair and alone hands out the private half."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.errors import Conflict, Invalid
from controlplane.ids import Prefix
from controlplane.keys import PublicKey
from controlplane.model.image import KeyPair
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_id, check_tags, check_text, not_found
from controlplane.service.quotas import check_one_more


@dataclass(frozen=True, slots=True)
class CreateKeyPair:
    key_name: str
    key_type: str
    tags: Mapping[str, str] = field(default_factory=dict)

    def with_key(self, public_key: PublicKey) -> "StoreKeyPair":
        return StoreKeyPair(self.key_name, public_key, self.tags)


@dataclass(frozen=True, slots=True)
class StoreKeyPair:
    key_name: str
    public_key: PublicKey
    tags: Mapping[str, str] = field(default_factory=dict)


def check(state: State, call: Call, name: str, tags: Mapping[str, str]) -> None:
    """Everything that can be refused before a pair is made."""
    check_text("key_name", name, r"[!-~]([ -~]{0,253}[!-~])?", "1 to 255 printable ASCII characters, no outer spaces")
    check_tags(tags)
    if state.key_pairs.name.get((call.project_id, name)):
        raise Conflict("InvalidKeyPair.Duplicate", f"The key pair {name!r} exists already; delete it or choose a name")
    held = state.key_pairs.project.count(call.project_id)
    check_one_more("KeyPairLimitExceeded", "The project", "key pairs", held, call.policy.key_pairs)


def store(state: State, call: Call, request: StoreKeyPair) -> tuple[Change, str]:
    check(state, call, request.key_name, request.tags)
    key = request.public_key
    row = KeyPair(
        id=call.mint(Prefix.KEY_PAIR),
        project_id=call.project_id,
        name=request.key_name,
        key_type=key.key_type.value,
        fingerprint=key.fingerprint,
        public_key=key.line,
        created_at=call.now,
        tags=request.tags,
    )
    change = Change()
    change.put(row)
    return change, row.id


def find_by_name(state: State, call: Call, name: str) -> KeyPair:
    row = state.key_pairs.name.get((call.project_id, name))
    if row is None:
        raise not_found(state.key_pairs.kind, name)
    return row


@dataclass(frozen=True, slots=True)
class DeleteKeyPair:
    key_name: str = ""
    key_pair_id: str = ""


def delete(state: State, call: Call, request: DeleteKeyPair) -> tuple[Change, str]:
    """Succeeds where there is none, as in EC2; the result is then empty."""
    if bool(request.key_name) == bool(request.key_pair_id):
        code = "InvalidParameterCombination" if request.key_name else "MissingParameter"
        raise Invalid(code, "Name the key pair either by key_name or by key_pair_id")
    if request.key_pair_id:
        check_id(state.key_pairs.kind, request.key_pair_id)
        row = state.key_pairs.get(request.key_pair_id)
    else:
        row = state.key_pairs.name.get((call.project_id, request.key_name))
    change = Change()
    if row is None or row.project_id != call.project_id:
        return change, ""
    change.delete(row)
    return change, row.id
