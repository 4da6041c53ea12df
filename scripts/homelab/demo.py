"""The main job in front of the user's eyes: a cloud on this machine, an instance in it, ssh, a volume that moves."""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from homelab import Lab
from homelab.cloud import BIN, Cloud, CommandFailed
from homelab.guest import Guest

SCRIPTS = Path(__file__).resolve().parents[1]
ZONE = "home-1a"
out = Console(highlight=False)


@contextmanager
def step(text: str) -> Iterator[Callable[[str], None]]:
    """One line for what happens, with what came of it and how long it took; something moves meanwhile."""
    results: list[str] = []
    began = time.monotonic()
    with out.status(text):
        yield results.append
    what = ": ".join([text, *results])
    out.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {what}", soft_wrap=True)


def up() -> None:
    lab = Lab()
    cloud = Cloud(lab)
    if lab.hosts:
        sys.exit("demo: the cloud is up already. `./scripts/demo --down` removes it, with all that is in it.")
    image = lab.directory / "tiny.raw"
    with step("a tiny image out of Debian's packages"):
        lab.directory.mkdir(parents=True)
        subprocess.run([SCRIPTS / "build-image", image], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    with step("two zones, a gateway and an outside network") as tell:
        lab.up("three")
        tell(", ".join(host.name for host in lab.hosts))
    with step("a control plane, and an agent on each host") as tell:
        cloud.up()
        tell("region home-1")
    first, key = launch_first(cloud, image, began)
    second = move_a_volume(cloud, first, key)
    say_goodbye(cloud, first, second, key)


def launch_first(cloud: Cloud, image: Path, began: float) -> tuple[Guest, Path]:
    """From an image file to an answer over ssh."""
    key = cloud.directory / "demo.pem"
    with step("import the image") as tell:
        tell(cloud.json("image", "import", str(image), "--name", "tiny")["image"]["image_id"])
    with step("make a key pair; the cloud keeps the public half") as tell:
        cloud.stead("key", "create", "demo", "--output-file", str(key))
        tell(f"{key.stat().st_mode & 0o777:o} {key.name}")
    with step("make a security group that opens port 22") as tell:
        tell(cloud.json("sg", "create", "ssh", "--description", "ssh from anywhere")["security_group"]["group_id"])
        cloud.stead("sg", "authorize", "ssh", "--port", "22", "--cidr", "0.0.0.0/0")
    guest = launch(cloud, key)
    with step(f"ssh root@{guest.public_ip} from the outside") as tell:
        guest.wait_for_ssh()
        tell(f"I am {guest.addresses()}")
    out.print(f"[bold]From nothing to the first ssh: {time.monotonic() - began:.0f} s[/]")
    return guest, key


def launch(cloud: Cloud, key: Path) -> Guest:
    with step("run an instance in home-1a, its root disk on the network") as tell:
        guest = Guest.launch(cloud, key, "--az", ZONE, groups=("ssh",), image="tiny", key_name="demo")
        tell(f"{guest.private_ip} = {guest.public_ip}")
    return guest


def move_a_volume(cloud: Cloud, first: Guest, key: Path) -> Guest:
    """What one instance writes on a volume, the next one reads."""
    with step("make a volume") as tell:
        volume = cloud.json("volume", "create", "--az", ZONE, "--size", "1", "--wait")["volume"]["volume_id"]
        tell(volume)
    with step("attach it while the instance runs, format it, write"):
        cloud.stead("volume", "attach", volume, first.instance_id, "--wait")
        disk = first.disk(volume)
        first.ssh(f"mkfs.ext4 -q {disk} && mount {disk} /mnt && echo 'written by {first.instance_id}' > /mnt/note")
        first.ssh("umount /mnt && sync")
    with step("detach it"):
        cloud.stead("volume", "detach", volume, "--wait")
    second = launch(cloud, key)
    with step("attach it to the second instance, read") as tell:
        second.wait_for_ssh()
        cloud.stead("volume", "attach", volume, second.instance_id, "--wait")
        tell(second.ssh(f"mount {second.disk(volume)} /mnt && cat /mnt/note").strip())
    return second


def say_goodbye(cloud: Cloud, first: Guest, second: Guest, key: Path) -> None:
    stead, lab = BIN / "stead", SCRIPTS / "lab"
    out.print("\nThe cloud stays up. Go on with:\n")
    for command in (
        f"export STEAD_CONFIG={cloud.client_config} PATH={BIN}:$PATH",
        f"{stead.name} instance list",
        f"{stead.name} instance describe {first.instance_id}",
        f"{lab} exec outside -- {shlex.join(first.ssh_command())}",
        f"{stead.name} instance console-log {first.instance_id}",
        f"{stead.name} instance terminate {first.instance_id} {second.instance_id} --wait",
        f"{SCRIPTS / 'demo'} --down",
    ):
        out.print(f"  {command}", soft_wrap=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--down", action="store_true", help="remove all traces")
    if parser.parse_args().down:
        with step("remove the demo's cloud"):
            Lab().down()
        return
    try:
        up()
    except (CommandFailed, subprocess.CalledProcessError, TimeoutError, RuntimeError) as error:
        sys.exit(f"demo: {error}\nWhat is there stays for a look; logs are in {Lab().directory}. Then: demo --down")


if __name__ == "__main__":
    main()
