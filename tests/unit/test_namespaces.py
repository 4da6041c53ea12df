"""Namespaces that lost their names, and those that only seem to have."""

import os
from pathlib import Path
from unittest import mock

import pytest

from agent.host import namespaces

NAME, HOST = "stead-vpc-1", "host-1"
OWN, OTHER = "/proc/self/ns/net", "/proc/self/ns/uts"


@pytest.mark.parametrize(
    ("leads_to", "alias", "is_lost"),
    [
        (OWN, f"{NAME}@{HOST}", False),
        (OTHER, f"{NAME}@{HOST}", True),
        (OTHER, "", False),
    ],
    ids=["named meanwhile", "its name leads elsewhere", "another process by that number"],
)
def test_only_a_namespace_that_is_nameless_still_loses_its_devices(
    tmp_path: Path, leads_to: str, alias: str, is_lost: bool
) -> None:
    """The listing says that this process is in a namespace without a name."""
    (tmp_path / NAME).symlink_to(leads_to)
    call = mock.Mock(side_effect=lambda _, function: alias if function is namespaces._loopback_alias else None)
    with (
        mock.patch.object(namespaces, "RUN_DIR", tmp_path),
        mock.patch.object(namespaces, "_lost", return_value={NAME: os.getpid()}),
        mock.patch.object(namespaces, "_call", call),
    ):
        assert namespaces.restore("stead-vpc-", HOST) == [NAME] * is_lost
    assert (namespaces._delete_links in [each.args[1] for each in call.call_args_list]) == is_lost
