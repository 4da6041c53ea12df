"""The region, zones, hosts, and the tokens with which a host joins."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Table


class HostRole(IntEnum):
    COMPUTE = 1
    STORAGE = 2
    GATEWAY = 3


@dataclass(frozen=True, slots=True)
class Region:
    """`id` is its name. `incarnation` changes when the database is restored from a backup: hosts may know more than it
    does, and remove nothing on its word until an admin has looked.
    """

    id: str
    incarnation: str
    created_at: datetime


class Regions(Table[Region]):
    kind = Kind("region")
    row_type = Region
    stored_as = "regions"


@dataclass(frozen=True, slots=True)
class Zone:
    """`id` is its name."""

    id: str
    created_at: datetime


class Zones(Table[Zone]):
    kind = Kind("zone")
    row_type = Zone
    stored_as = "zones"


@dataclass(frozen=True, slots=True)
class Pool:
    """What a host keeps volumes in; `name` is its own word for it."""

    name: str
    storage_gib: int


@dataclass(frozen=True, slots=True)
class Host:
    """A machine. `number` is unique in the region, 1 to 32766, and never reused while the host exists.

    Capacity is what its agent last said (and counts as zero until then); it is stored when it changes. `last_seen_at`
    is None until its agent has connected, and may lag behind; `is_away`: it was given up since. `lost_at`: an admin's
    word that the machine is gone for good; `is_removed`: it goes when nothing refers to it any more. `boot_id`: of the
    boot that its agent last spoke of; `released_to`: the incarnation that an admin lets it follow; `incarnation`: its
    own in place of the region's, since it claimed to know more of the region than could be. `wireguard_key`: its
    public key in base64, if it encrypts. `features`: what its agent can do, as in `Hello`. `pools` are in the order of
    its settings; none where it has but one, which it gave no name.
    """

    id: str
    number: int
    name: str
    zone: str
    roles: tuple[HostRole, ...]
    underlay_address: str
    created_at: datetime
    join_token_id: str
    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: int = 0
    agent_version: str = ""
    problems: tuple[str, ...] = ()
    last_seen_at: datetime | None = None
    is_away: bool = False
    lost_at: datetime | None = None
    is_removed: bool = False
    boot_id: str = ""
    released_to: str = ""
    incarnation: str = ""
    wireguard_key: str = ""
    pools: tuple[Pool, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def all_pools(self) -> tuple[Pool, ...]:
        """At least one."""
        return self.pools or (Pool("", self.storage_gib),)

    def pool_of(self, name: str) -> str:
        """Where a volume is that shall be in the pool of this name: in the first one, where there is none such."""
        names = [pool.name for pool in self.pools] or [""]
        return name if name in names else names[0]


class Hosts(Table[Host]):
    kind = Kind("host", Prefix.HOST, "InvalidHostID", "DescribeHosts", where="")
    row_type = Host
    stored_as = "hosts"
    unique_fields = (("number",),)
    filters = {
        "zone-name": lambda row: row.zone,
        "host-name": lambda row: row.name,
    }

    def __init__(self) -> None:
        super().__init__()
        self.zone = self.index(lambda row: row.zone)
        self.number = self.unique(lambda row: row.number)


@dataclass(frozen=True, slots=True)
class HostToken:
    """Lets one machine join. Once used, `host_id` is set, and `join_hash` tells a repetition from a theft.

    `host_id` is set from the beginning where a machine is to be a host again that it was.
    """

    id: str
    secret_hash: str
    zone: str
    roles: tuple[HostRole, ...]
    created_at: datetime
    expires_at: datetime
    host_id: str = ""
    join_hash: str = ""


class HostTokens(Table[HostToken]):
    kind = Kind("host-token")
    row_type = HostToken
    stored_as = "host_tokens"
    unique_fields = (("secret_hash",),)

    def __init__(self) -> None:
        super().__init__()
        self.secret_hash = self.unique(lambda row: row.secret_hash)
