"""The command line as a process of its own: completion, interruption, broken pipes, and what it imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stead.v1.events_pb2 import ResourceChange, WatchEvent
from stead.v1.instances_pb2 import DescribeInstancesResponse, Instance

from .cases import I1
from .fake_cloud import Cloud

STEAD = [sys.executable, "-c", "from client.cli.app import main; main()"]


def start(cloud: Cloud, *arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*STEAD, "--config", str(cloud.config), *arguments], stdout=pipe, stderr=pipe, text=True)


def complete(words: str) -> list[str]:
    """What bash would offer for the last word."""
    completion = {"_STEAD_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from client.cli.app import app; app(prog_name='stead')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | completion, capture_output=True, text=True, check=False
    )
    return done.stdout.split()


def test_the_shell_completes_resources_verbs_options_and_values() -> None:
    assert complete("stead inst") == ["instance", "instance-type"]
    assert complete("stead volume de") == ["describe", "detach", "delete"]
    assert "--user-data-file" in complete("stead instance run --user")
    assert complete("stead --output j") == ["json"]


def test_an_interruption_is_quiet(cloud: Cloud) -> None:
    cloud.answers["Watch"] = [WatchEvent(revision=1, changes=[ResourceChange(kind="instance", id=I1)])]
    process = start(cloud, "watch")
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")


def test_a_reader_that_has_seen_enough_is_no_news(cloud: Cloud) -> None:
    instances = [Instance(instance_id=f"i-{number:017x}") for number in range(5000)]
    cloud.answers["DescribeInstances"] = DescribeInstancesResponse(instances=instances)
    for output in ("table", "json"):
        process = start(cloud, "instance", "list", "--output", output)
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=60)
        assert process.stderr
        with process.stderr:
            assert process.stderr.read() == ""


def test_a_thread_that_never_ends_does_not_hold_the_exit(cloud: Cloud) -> None:
    cloud.answers["DescribeInstances"] = DescribeInstancesResponse(instances=[Instance(instance_id=I1)])
    hang = "import threading; threading.Thread(target=threading.Event().wait).start(); "
    line = ["--config", str(cloud.config), "instance", "list"]
    done = subprocess.run(
        [sys.executable, "-c", hang + STEAD[-1], *line], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert I1 in done.stdout


def test_output_that_can_not_be_written_is_a_failure(cloud: Cloud) -> None:
    cloud.answers["DescribeInstances"] = DescribeInstancesResponse(instances=[Instance(instance_id=I1)])
    for output in ("table", "json"):
        line = [*STEAD, "--config", str(cloud.config), "instance", "list", "--output", output]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (1, "stead: [Errno 28] No space left on device\n")


def test_help_needs_no_grpc() -> None:
    program = "import sys, client.cli.app; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
