"""Instances for end-to-end tests, and what they see of each other."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest

Launch = Callable[..., Guest]

on_each_layout = pytest.mark.parametrize("cloud", ["three", "single"], indirect=True, scope="session")
on_one_host = pytest.mark.parametrize("cloud", ["single"], indirect=True, scope="session")


def run_instance(cloud: Cloud, *arguments: str, groups: tuple[str, ...] = ("ssh",), image: str = "tiny") -> Guest:
    key = cloud.directory / "test.pem"
    return Guest.launch(cloud, key, *arguments, groups=groups, image=image, key_name="test")


@dataclass(frozen=True)
class Residents:
    """Instances that stay for all tests; each test leaves them running, with the groups that they began with.

    `first` and `second` are in the first zone, `third` is in the last.
    """

    first: Guest  # In `ssh` and `web`.
    second: Guest  # In `ssh` and the default group.
    third: Guest  # As `second`.

    def wait(self) -> None:
        for guest in (self.first, self.second, self.third):
            guest.wait_for_ssh()


def pings(guest: Guest, address: str, source: str = "") -> bool:
    """Whether an echo request is answered."""
    option = f"-I {source}" if source else ""
    return guest.try_ssh(f"ping -c 1 -W 1 {option} {address}").returncode == 0


def metadata(guest: Guest, path: str) -> str:
    """What the metadata service says, asked as IMDSv2 wants it."""
    token = "nc -w 2 169.254.169.254 80 -e /usr/lib/cloud/imds-token 2>&1"
    header = f'--header "X-aws-ec2-metadata-token: $({token})"'
    return guest.ssh(f"wget -q -O - {header} http://169.254.169.254/latest/{path}").strip()
