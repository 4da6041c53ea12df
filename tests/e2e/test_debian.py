"""Debian as it comes: its own cloud-init takes this cloud for EC2, and does all that it does there."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.layout import OUTSIDE_ADDRESS, OUTSIDE_NAME
from homelab.node import wait_until
from tests.e2e.conftest import SCRIPTS
from tests.e2e.residents import on_one_host, run_instance

pytestmark = pytest.mark.timeout(1800)  # An emulated boot takes minutes, and so does the image, once a month.
# Nothing in it waits: three starts of cloud-init and a host key of RSA take most of it, of processors that others use.
BOOT_S = 900

USER_DATA = "#!/bin/sh\necho ran as $(id -un) >/var/tmp/user-data-ran\n"


@pytest.fixture(params=["debian-12", pytest.param("debian-13", marks=pytest.mark.deep)])
def guest(request: pytest.FixtureRequest, cloud: Cloud, tmp_path: Path) -> Iterator[Guest]:
    """An instance whose disk is twice as large as its image."""
    raw, image = tmp_path / "image.raw", tmp_path / "image.qcow2"
    subprocess.run([SCRIPTS / "build-image", request.param, raw], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    raw.unlink()
    cloud.stead("image", "import", str(image), "--name", request.param, timeout_s=300)
    (tmp_path / "user-data").write_text(USER_DATA)
    options = ("--user-data-file", str(tmp_path / "user-data"), "--volume-size", "2", "--tag", "Name=debian")
    guest = run_instance(cloud, *options, "--metadata-tags", image=request.param)
    guest.login = "debian"
    yield guest
    cloud.stead("instance", "terminate", guest.instance_id, "--wait")
    cloud.stead("image", "deregister", request.param)


# As an SDK asks: a token first.
READ = """python3 -c '
from urllib.request import Request, urlopen
at = "http://169.254.169.254/latest/"
put = Request(at + "api/token", method="PUT", headers={{"X-aws-ec2-metadata-token-ttl-seconds": "60"}})
token = urlopen(put).read()
found = Request(at + "{}", headers={{"X-aws-ec2-metadata-token": token.decode()}})
print(urlopen(found).read().decode())
'"""


def verified(cloud: Cloud, directory: Path, pkcs7: str) -> dict[str, str]:
    """The identity document in it, as whoever has the region's CA verifies it: see docs/metadata.md."""
    (directory / "rsa2048").write_text(f"-----BEGIN PKCS7-----\n{pkcs7.strip()}\n-----END PKCS7-----\n")
    words = ("-in", str(directory / "rsa2048"), "-inform", "PEM", "-CAfile", str(cloud.directory / "ca.pem"))
    done = subprocess.run(["openssl", "smime", "-verify", *words], check=True, capture_output=True, text=True)
    document: dict[str, str] = json.loads(done.stdout)
    return document


def has_ended(status: str) -> bool:
    """Of cloud-init. An empty status is that of an ssh that failed."""
    return any(f"status: {word}" in status for word in ("done", "error", "degraded", "disabled"))


@on_one_host
def test_cloud_init_sets_up_the_instance(guest: Guest, cloud: Cloud, tmp_path: Path) -> None:
    guest.wait_for_ssh(BOOT_S)
    wait_until(lambda: has_ended(guest.try_ssh("cloud-init status").stdout), "cloud-init has ended", BOOT_S)
    status = guest.try_ssh("cloud-init status --long").stdout
    assert "status: done" in status, status + guest.ssh("cat /run/cloud-init/status.json")
    assert guest.ssh("cloud-init query cloud_name").strip() == "aws"
    assert guest.ssh("cat /var/lib/cloud/instance/datasource").startswith("DataSourceEc2")
    assert json.loads(guest.ssh("sudo cloud-init query ds.meta_data.tags.instance")) == {"Name": "debian"}
    assert guest.ssh("hostname").strip() == "ip-" + guest.private_ip.replace(".", "-")
    assert guest.ssh("cat /var/tmp/user-data-ran").strip() == "ran as root"
    assert guest.ssh("sudo id -u").strip() == "0"
    root_mib = int(guest.ssh("df --output=size -BM / | tail -n 1").strip().rstrip("M"))
    assert root_mib > 1800, "the root file system has grown with its disk"
    assert OUTSIDE_ADDRESS in guest.ssh(f"getent hosts {OUTSIDE_NAME}")
    document = verified(cloud, tmp_path, guest.ssh(READ.format("dynamic/instance-identity/rsa2048")))
    assert (document["instanceId"], document["privateIp"]) == (guest.instance_id, guest.private_ip)
    cloud.stead("instance", "modify-metadata-options", guest.instance_id, "--no-metadata-endpoint")
    wait_until(lambda: guest.try_ssh(READ.format("meta-data/")).returncode != 0, "its metadata service refuses", 30)
