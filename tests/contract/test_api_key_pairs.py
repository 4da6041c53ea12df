"""Making keys is costly: it comes after everything that can be refused, and holds nobody else up."""

import asyncio
import threading
from typing import Any

import pytest

from controlplane import keys
from stead.v1.key_pairs_pb2 import KEY_TYPE_RSA
from tests.contract.control_plane import ControlPlane, Refused, until

RSA = KEY_TYPE_RSA


class KeyFactory:
    """Makes keys once the gate is open; `started` counts those that were begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.started = 0
        self._create = keys.create
        monkeypatch.setattr(keys, "create", self.create)

    def create(self, key_type: keys.KeyType) -> Any:
        self.started += 1
        assert self.gate.wait(30)
        return self._create(key_type)


async def test_many_keys_at_once_are_made_one_by_one_and_nobody_waits_for_them(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = KeyFactory(monkeypatch)
    calls = [asyncio.ensure_future(cloud.ask("CreateKeyPair", key_name=f"key-{n}", key_type=RSA)) for n in range(20)]
    await until(lambda: factory.started)
    assert (await cloud.ask("AllocateAddress")).address.allocation_id
    assert factory.started == 1
    factory.gate.set()
    made = await asyncio.gather(*calls)
    assert len({reply.key_pair.key_fingerprint for reply in made}) == 20


async def test_what_is_refused_makes_no_key(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await cloud.ask("CreateKeyPair", key_name="mine", client_token="t")
    factory = KeyFactory(monkeypatch)
    refusals: dict[str, dict[str, Any]] = {
        "InvalidKeyPair.Duplicate": {"key_name": "mine"},
        "MissingParameter": {"key_name": ""},
        "TagLimitExceeded": {"key_name": "x", "tags": {str(n): "" for n in range(51)}},
        "DryRunOperation": {"key_name": "x", "dry_run": True},
        "IdempotentParameterMismatch": {"key_name": "x", "client_token": "t"},
    }
    for code, fields in refusals.items():
        with pytest.raises(Refused) as caught:
            await cloud.ask("CreateKeyPair", key_type=RSA, **fields)
        assert caught.value.code == code
    again = await cloud.ask("CreateKeyPair", key_name="mine", client_token="t")
    assert (again.key_pair, again.key_material) == (made.key_pair, "")
    assert factory.started == 0
