"""Key pairs. The private half passes through the reply of CreateKeyPair and is nowhere else."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from controlplane import keys
from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.errors import Invalid, Parameter, missing
from controlplane.model.image import KeyPair
from controlplane.model.state import State
from controlplane.service import describing, key_pairs
from stead.v1 import key_pairs_pb2 as pb
from stead.v1.key_pairs_pb2_grpc import KeyPairsServicer


class KeyPairs(KeyPairsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        # One RSA key takes a core for 0.1 s: however many are asked for, the other cores stay free.
        self._thread = ThreadPoolExecutor(1, "keys")

    async def CreateKeyPair(self, request: pb.CreateKeyPairRequest, context: Context) -> pb.CreateKeyPairResponse:
        key_type = keys.KeyType.RSA if request.key_type == pb.KEY_TYPE_RSA else keys.KeyType.ED25519
        asked = key_pairs.CreateKeyPair(request.key_name, key_type.value, dict(request.tags))
        if earlier := await self._made_earlier(request, asked):
            return earlier
        material, public_key = await self._create(key_type)

        def reply(state: State, key_pair_id: str) -> pb.CreateKeyPairResponse:
            return pb.CreateKeyPairResponse(key_pair=_pair(state, key_pair_id), key_material=material)

        made, is_replay = await self._edge.mutate(
            request, lambda state, call, asked: key_pairs.store(state, call, asked.with_key(public_key)), asked, reply
        )
        if is_replay:
            made.key_material = ""
        return made

    async def _made_earlier(self, request: Any, asked: key_pairs.CreateKeyPair) -> pb.CreateKeyPairResponse | None:
        """The answer to a repeated call. What can be refused is refused here, before the work of making a key."""
        return await self._edge.replay(
            request,
            asked,
            lambda state, call: key_pairs.check(state, call, asked.key_name, asked.tags),
            lambda state, key_pair_id: pb.CreateKeyPairResponse(key_pair=_pair(state, key_pair_id)),
        )

    async def _create(self, key_type: keys.KeyType) -> tuple[str, keys.PublicKey]:
        if key_type is not keys.KeyType.RSA:
            return keys.create(key_type)
        return await asyncio.get_running_loop().run_in_executor(self._thread, keys.create, key_type)

    async def ImportKeyPair(self, request: pb.ImportKeyPairRequest, context: Context) -> pb.ImportKeyPairResponse:
        if not request.public_key_material:
            raise missing("public_key_material", "`ssh-ed25519 AAAA...` or `ssh-rsa AAAA...`")
        try:
            public_key = keys.import_public(request.public_key_material)
        except keys.InvalidKeyFormat as error:
            blamed = Parameter("public_key_material", request.public_key_material)
            raise Invalid("InvalidKey.Format", str(error), parameter=blamed) from error
        asked = key_pairs.StoreKeyPair(request.key_name, public_key, dict(request.tags))
        made, _ = await self._edge.mutate(
            request,
            key_pairs.store,
            asked,
            lambda state, key_pair_id: pb.ImportKeyPairResponse(key_pair=_pair(state, key_pair_id)),
        )
        return made

    async def DescribeKeyPairs(
        self, request: pb.DescribeKeyPairsRequest, context: Context
    ) -> pb.DescribeKeyPairsResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.key_pairs(state, call, request.key_names, request.key_pair_ids),
            lambda state: state.key_pairs.attributes,
            lambda state, row, call: to_key_pair(row),
        )
        return pb.DescribeKeyPairsResponse(key_pairs=found, **page)

    async def DeleteKeyPair(self, request: pb.DeleteKeyPairRequest, context: Context) -> pb.DeleteKeyPairResponse:
        asked = convert.to_request(request, key_pairs.DeleteKeyPair)
        done, _ = await self._edge.mutate(
            request,
            key_pairs.delete,
            asked,
            lambda state, key_pair_id: pb.DeleteKeyPairResponse(key_pair_id=key_pair_id),
        )
        return done


def _pair(state: State, key_pair_id: str) -> pb.KeyPair:
    """Empty but for the id when the pair that a repeated call made is gone."""
    row = state.key_pairs.get(key_pair_id)
    return to_key_pair(row) if row else pb.KeyPair(key_pair_id=key_pair_id)


def to_key_pair(row: KeyPair) -> pb.KeyPair:
    return pb.KeyPair(
        key_pair_id=row.id,
        key_name=row.name,
        key_type=f"KEY_TYPE_{row.key_type.upper()}",
        key_fingerprint=row.fingerprint,
        public_key=row.public_key,
        create_time=convert.timestamp(row.created_at),
        tags=row.tags,
    )
