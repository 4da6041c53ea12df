"""Random messages at every method: never a bug of ours, and no change where a call was refused."""

from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor

from tests.contract.control_plane import AGENT_RPCS, RPCS, ControlPlane, Refused, Rpc

OURS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE}
NUMBERS = (0, 1, 2, 3, 22, 1000, 65535, 2**31 - 1)
TEXTS = ("", "\0", "a", "tcp", "-1", "t3.nano", "home-1a", "10.0.0.0/8", "/dev/sdf", "default", "9" * 5000, "x" * 300)
WORDS = (
    "i-",
    "vol-1",
    "$(reboot)",
    "'; DROP TABLE instances; --",
    "<x/>",
    "\u202e\U0001f600",
    "tag:",
    "*",
    "\\",
    "../..",
)


class Garbage:
    """Fills messages by their descriptors, now and then with ids that exist."""

    def __init__(self, seed: int, cloud: ControlPlane) -> None:
        self.random = Random(seed)
        self.ids = [row.id for table in cloud.journal.state.tables.values() for row in table if "/" not in row.id]

    def message(self, message: Any, depth: int = 0) -> Any:
        for field in message.DESCRIPTOR.fields:
            if field.name != "dry_run" and self.random.random() < 0.6 and depth < 4:
                self._fill(message, field, depth)
        return message

    def _fill(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        value = getattr(message, field.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            for _ in range(self.random.choice((1, 3, 51))):
                value[self._text()] = self._text()
        elif field.is_repeated:
            for _ in range(self.random.choice((1, 2, 7))):
                if field.message_type:
                    self.message(value.add(), depth + 1)
                else:
                    value.append(self._scalar(field))
        elif field.message_type:
            self.message(value, depth + 1)
            value.SetInParent()
        else:
            setattr(message, field.name, self._scalar(field))

    def _text(self) -> str:
        return str(self.random.choice((*TEXTS, *WORDS, *self.random.choices(self.ids, k=20))))

    def _scalar(self, field: FieldDescriptor) -> Any:
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            is_bytes = field.type == FieldDescriptor.TYPE_BYTES
            return self.random.randbytes(self.random.choice((0, 1, 20000))) if is_bytes else self._text()
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        largest = 2**64 - 1 if field.cpp_type == FieldDescriptor.CPPTYPE_UINT64 else 2**31 - 1
        smallest = -(2**31) if field.cpp_type == FieldDescriptor.CPPTYPE_INT32 else 0
        return self.random.choice((*NUMBERS, largest, smallest))


async def attempt(cloud: ControlPlane, rpc: Rpc, *requests: Any, **options: Any) -> None:
    before = cloud.revision
    try:
        await cloud.call(rpc.name, *requests, **options)
    except Refused as refused:
        error = refused
    else:
        return
    is_asked = rpc.name in ("GetConsoleOutput", "GetDroppedPackets")  # Of a host that has no agent here.
    is_away = is_asked and error.status is grpc.StatusCode.UNAVAILABLE
    assert is_away or error.status not in OURS, (error, requests)
    assert error.code, (error, requests)
    assert cloud.revision == before, (error, requests)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(3, 20))])
async def test_random_requests(cloud: ControlPlane, seed: int) -> None:
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image(), max_count=3)
    await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    await cloud.ask("AllocateAddress")
    await cloud.converge()
    rpcs = [*RPCS.values(), AGENT_RPCS["Join"]]
    for turn in range(8):
        garbage = Garbage(100 * seed + turn, cloud)
        garbage.random.shuffle(rpcs)
        for rpc in rpcs:
            if rpc.name not in ("Watch", "RevokeToken"):
                requests = [garbage.message(rpc.request()) for _ in range(3 if rpc.sends_stream else 1)]
                await attempt(cloud, rpc, *requests)
        await cloud.converge()
    assert (await cloud.ask("DescribeRegions")).regions, "it still serves"
