"""Daemons die, hosts lose power; guests and their connections don't notice, or come back."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Launch, Residents, metadata, on_each_layout, on_one_host


class Conversation:
    """An ssh session that is held open."""

    def __init__(self, guest: Guest) -> None:
        outside = guest.cloud.lab.node("outside")
        self._process = subprocess.Popen(
            outside.command(guest.ssh_command("cat")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self, word: str) -> bool:
        """Whether what is said comes back."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == word + "\n"

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def status_of(cloud: Cloud, host_id: str) -> str:
    return next(str(row["status"]) for row in cloud.json("host", "list")["hosts"] if row["host_id"] == host_id)


def host_of(cloud: Cloud, guest: Guest) -> str:
    host_id = guest.describe()["host_id"]
    return next(str(row["host_name"]) for row in cloud.json("host", "list")["hosts"] if row["host_id"] == host_id)


def gateway_of(cloud: Cloud) -> str:
    return next(row.name for row in cloud.lab.hosts if "gateway" in row.roles)


def qemu_pids(cloud: Cloud, host: str) -> str:
    return cloud.lab.node(host).run("pgrep", "-f", "^/usr/bin/qemu-(system|storage)", check=False).stdout


def test_a_session_outlives_the_daemons(cloud: Cloud, residents: Residents, launch: Launch) -> None:
    guest = residents.first
    host = host_of(cloud, guest)
    gateway = gateway_of(cloud)
    conversation = Conversation(guest)
    try:
        assert conversation.says("hello")
        boot = guest.boot_id()
        pids = qemu_pids(cloud, host)
        for name in {host, gateway}:
            cloud.kill_agent(name)
        assert metadata(guest, "meta-data/instance-id") == guest.instance_id
        cloud.kill_control_plane()
        assert conversation.says("still there")
        cloud.start_control_plane()
        for name in {host, gateway}:
            cloud.start_agent(name)
        wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 60)
        newcomer = launch()
        assert newcomer.addresses() == newcomer.private_ip
        assert conversation.says("and after the restart")
        assert set(pids.split()) <= set(qemu_pids(cloud, host).split())
        assert guest.boot_id() == boot
    finally:
        conversation.end()


@on_one_host
def test_guests_go_on_while_nobody_looks_after_them(cloud: Cloud, residents: Residents) -> None:
    guest = residents.first
    host, address = guest.describe()["host_id"], guest.public_ip
    agent, control = cloud.lab.node(host_of(cloud, guest)), cloud.lab.node("control")
    pids, boot, conversation = qemu_pids(cloud, agent.name), guest.boot_id(), Conversation(guest)
    write = "echo kept > /root/still && sync && cat /root/still"
    try:
        assert conversation.says("hello")
        control.kill("stead-controlplane run", signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            cloud.stead("region", "list", timeout_s=5)
        assert conversation.says("nobody decides")
        assert guest.ssh(write, address) == "kept\n"
        control.kill("stead-controlplane run", signal.SIGCONT)
        wait_until(lambda: status_of(cloud, host) == "connected", "the control plane goes on", 60)

        agent.kill("stead-agent run", signal.SIGSTOP)
        wait_until(lambda: status_of(cloud, host) == "unreachable", "the host is unreachable", 60)
        assert guest.describe()["status"] == "unreachable"
        assert conversation.says("nobody looks after it")
        assert guest.ssh(write, address) == "kept\n"
        agent.kill("stead-agent run", signal.SIGCONT)
        wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 60)

        cloud.lab.unplug(agent.name)
        wait_until(lambda: status_of(cloud, host) == "unreachable", "the host is out of reach", 60)
        assert conversation.says("nobody reaches it")
        assert guest.ssh(write, address) == "kept\n"
        cloud.lab.plug_in(agent.name)
        wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok again", 60)
        assert conversation.says("and on")
        assert qemu_pids(cloud, agent.name) == pids
        assert guest.boot_id() == boot
    finally:
        control.kill("stead-controlplane run", signal.SIGCONT)
        agent.kill("stead-agent run", signal.SIGCONT)
        cloud.lab.plug_in(agent.name)
        conversation.end()


@pytest.fixture(autouse=True)
def all_come_back(cloud: Cloud) -> Iterator[None]:
    """What a test kills or cuts off is there again for the next one."""
    yield
    wait_until(cloud.is_complete, "every host is connected again", 60)


@on_each_layout
def test_a_host_comes_back_from_its_ledger(cloud: Cloud, residents: Residents) -> None:
    guest = residents.third
    host = host_of(cloud, guest)
    guest.ssh("echo kept > /root/note && sync")
    address, boot = guest.public_ip, guest.boot_id()
    cloud.kill_control_plane()
    cloud.lab.power_cut(host)
    assert guest.try_ssh("true", address=address).returncode == 255
    cloud.lab.power_on(host)
    cloud.start_agent(host)
    wait_until(lambda: guest.try_ssh("true", address=address).returncode == 0, "it is back without control plane", 120)
    assert guest.boot_id(address) not in ("", boot)
    assert guest.ssh("cat /root/note", address=address).strip() == "kept"
    cloud.start_control_plane()
    wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 60)
    assert guest.state == "running"
    residents.wait()


@pytest.mark.parametrize("cloud", ["three"], indirect=True)
def test_a_connection_outlives_its_gateway(cloud: Cloud, residents: Residents) -> None:
    """The outside waits for the gateway's host; guests go on, and so does what they had begun."""
    guest, gateway = residents.first, gateway_of(cloud)
    conversation = Conversation(guest)
    try:
        assert conversation.says("hello")
        boot = guest.boot_id()
        residents.third.ssh(f"(ping -c 20 {residents.second.private_ip} >/root/ping) >/dev/null 2>&1 &")
        cloud.lab.power_cut(gateway)
        assert guest.try_ssh("true").returncode == 255
        cloud.lab.power_on(gateway)
        cloud.start_agent(gateway)
        assert conversation.says("still there")
        assert guest.boot_id() == boot
        wait_until(lambda: " 0% packet loss" in residents.third.ssh("cat /root/ping"), "guests lost nothing", 90)
    finally:
        conversation.end()
