"""A user's view of a small region: its hosts, and instances that come to be well."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tests.contract.control_plane import Refused, upload
from tests.processes.programs import Daemon


class Region:
    """`channel` is to the daemon, which need not be running yet."""

    def __init__(self, daemon: Daemon, channel: grpc.aio.Channel) -> None:
        self._daemon = daemon
        self._channel = channel
        self._image_id = ""

    async def ask(self, name: str, /, **fields: Any) -> Any:
        """Raises Refused."""
        return await self._daemon.ask(self._channel, name, **fields)

    async def import_image(self, name: str = "tiny") -> None:
        reply: Any = await self._daemon.call(self._channel, "ImportImage", *upload(name=name))
        self._image_id = reply.image.image_id

    async def token(self) -> str:
        """With which a machine joins."""
        return str((await self.ask("CreateHostToken", zone_name="home-1a", roles=[1, 2, 3])).token)

    async def host(self) -> Any:
        """The row of the first that joined."""
        return min((await self.ask("DescribeHosts")).hosts, key=lambda row: row.underlay_address)

    async def run(self, token: str, status: str = "ok") -> str:
        """The instance of that client token; waits until it has this status."""
        request = {"image_id": self._image_id, "client_token": token, "associate_public_ip_address": False}
        instance_id = str((await self.ask("RunInstances", **request)).instances[0].instance_id)
        await self.wait_for_instance(instance_id, status)
        return instance_id

    async def wait_for_host(self, status: str = "connected") -> None:
        """Its capacity must be known, too."""

        async def has_status() -> bool:
            try:
                row = await self.host()
            except Refused as refusal:  # The connection to a process that was killed.
                if refusal.status is grpc.StatusCode.UNAVAILABLE:
                    return False
                raise
            return bool(row.status == status and row.vcpus)

        await until(has_status, f"the host is {status}")

    async def wait_for_instance(self, instance_id: str, status: str = "ok") -> None:
        async def has_status() -> bool:
            rows = (await self.ask("DescribeInstances", instance_ids=[instance_id])).instances
            return bool(rows[0].status == status)

        await until(has_status, f"{instance_id} is {status}")


async def until(condition: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    try:
        async with asyncio.timeout(60):
            while not (met if isinstance(met := condition(), bool) else await met):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within a minute: {what}") from None
