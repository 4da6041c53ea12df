"""Bad requests, through the command line: EC2's codes on stderr, and a non-zero exit."""

from pathlib import Path

import pytest

from homelab.cloud import Cloud, CommandFailed

UNKNOWN = "0123456789abcdef0"
REFUSALS = {
    "InvalidInstanceID.NotFound": f"instance stop i-{UNKNOWN}",
    "InvalidInstanceID.Malformed": "instance stop i-nonsense",
    "InvalidVolume.NotFound": f"volume delete vol-{UNKNOWN}",
    "InvalidVolume.Malformed": "volume delete vol-nonsense",
    "InvalidKeyPair.NotFound": "instance run --image tiny --key nobodys",
    "InvalidInstanceType": "instance run --image tiny --type x9.giant",
    "InvalidZone.NotFound": "volume create --az mars-1a --size 1",
    "InvalidGroup.Duplicate": "sg create ssh --description again",
    "InvalidGroup.Reserved": "sg create default --description mine",
    "InvalidPermission.Duplicate": "sg authorize ssh --port 22 --cidr 0.0.0.0/0",
    "InvalidPermission.NotFound": "sg describe-rule ssh --port 23 --cidr 0.0.0.0/0 --description telnet",
    "InvalidSecurityGroupRuleId.NotFound": f"sg revoke ssh --rule sgr-{UNKNOWN}",
    "CannotDelete": "sg delete default",
    "InsufficientInstanceCapacity": "instance run --image tiny --type m5.4xlarge --count 5",
    "InsufficientVolumeCapacity": "volume create --az home-1a --size 5000",
    "InvalidAllocationID.NotFound": f"address release eipalloc-{UNKNOWN}",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_has_its_code(cloud: Cloud, code: str) -> None:
    with pytest.raises(CommandFailed, match=rf"stead: {code}:"):
        cloud.stead(*REFUSALS[code].split())


def test_user_data_have_a_limit(cloud: Cloud, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"x" * 17 * 1024)
    with pytest.raises(CommandFailed, match="InvalidParameterValue: user_data: 17408 bytes"):
        cloud.stead("instance", "run", "--image", "tiny", "--user-data-file", str(data))
