"""The tables: one for each row type of `controlplane.model`, the revision log, and one row about the database itself.

Portable between SQLite and PostgreSQL. A column has its row field's name; `controlplane.store.rows` turns one into the
other. Enumerations are their value, times are UTC, and tuples, tags and small records are JSON in a text column.

`position` keeps the order in which rows came to be, which is the order of the tables in memory: `created_at` would not
do, since rows made in one call share it and observations have none. The unique constraints are a second line of
defence: what they refuse, a use case should have refused. There are no foreign keys, since a row says "none" with "".
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from controlplane.model.audit import CallRecord
from controlplane.model.host import Host, HostToken, Region, Zone
from controlplane.model.image import Image, InstanceType, KeyPair
from controlplane.model.instance import Attachment, Instance, Observation, Volume
from controlplane.model.network import (
    InternetGateway,
    NetworkInterface,
    PublicAddress,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
)
from controlplane.model.project import Project, Token
from controlplane.model.table import Row

metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_N_name)s", "ck": "ck_%(table_name)s"})

# SQLite numbers rows by itself only where the key's type is exactly INTEGER.
_Position = BigInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *columns: Column[object], unique: tuple[tuple[str, ...], ...] = ()) -> Table:
    position = Column("position", _Position, primary_key=True)
    row_id = Column("id", Text, nullable=False)
    constraints = [UniqueConstraint(*names) for names in (("id",), *unique)]
    return Table(name, metadata, position, row_id, *columns, *constraints)


def _text(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def _integer(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False)


def _boolean(name: str) -> Column[object]:
    return Column(name, Boolean, nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


TABLES: dict[type[Row], Table] = {
    Project: _table(
        "projects",
        _text("name"),
        _time("created_at"),
        unique=(("name",),),
    ),
    Token: _table(
        "tokens",
        _text("project_id"),
        _integer("role"),
        _text("secret_hash"),
        _time("created_at"),
        _time("revoked_at", nullable=True),
        _time("expires_at", nullable=True),
        unique=(("secret_hash",),),
    ),
    CallRecord: _table(
        "calls",
        _text("project_id"),
        _text("token_id"),
        _text("request_id"),
        _text("operation"),
        _text("request_hash"),
        _json("result"),
        _json("resource_ids"),
        _time("created_at"),
    ),
    Region: _table(
        "regions",
        _text("incarnation"),
        _time("created_at"),
    ),
    Zone: _table(
        "zones",
        _time("created_at"),
    ),
    HostToken: _table(
        "host_tokens",
        _text("secret_hash"),
        _text("zone"),
        _json("roles"),
        _time("created_at"),
        _time("expires_at"),
        _text("host_id"),
        _text("join_hash"),
        unique=(("secret_hash",),),
    ),
    Host: _table(
        "hosts",
        _integer("number"),
        _text("name"),
        _text("zone"),
        _json("roles"),
        _text("underlay_address"),
        _time("created_at"),
        _text("join_token_id"),
        _integer("vcpus"),
        _integer("memory_mib"),
        _integer("storage_gib"),
        _text("agent_version"),
        _json("problems"),
        _time("last_seen_at", nullable=True),
        _boolean("is_away"),
        _time("lost_at", nullable=True),
        _boolean("is_removed"),
        _text("boot_id"),
        _text("released_to"),
        _text("incarnation"),
        _text("wireguard_key"),
        unique=(("number",),),
    ),
    InstanceType: _table(
        "instance_types",
        _integer("vcpus"),
        _integer("memory_mib"),
        _time("created_at"),
    ),
    Image: _table(
        "images",
        _text("project_id"),
        _text("name"),
        _text("description"),
        _text("format"),
        _integer("size_bytes"),
        _integer("virtual_size_bytes"),
        _text("sha256"),
        _time("created_at"),
        _json("tags"),
        _time("deregistered_at", nullable=True),
        _boolean("is_public"),
        _json("launch_permissions"),
    ),
    KeyPair: _table(
        "key_pairs",
        _text("project_id"),
        _text("name"),
        _text("key_type"),
        _text("fingerprint"),
        _text("public_key"),
        _time("created_at"),
        _json("tags"),
        unique=(("project_id", "name"),),
    ),
    Vpc: _table(
        "vpcs",
        _text("project_id"),
        _text("cidr_block"),
        _integer("vni"),
        _boolean("is_default"),
        _time("created_at"),
        _json("tags"),
        unique=(("vni",),),
    ),
    Subnet: _table(
        "subnets",
        _text("project_id"),
        _text("vpc_id"),
        _text("zone"),
        _text("cidr_block"),
        _boolean("map_public_ip_on_launch"),
        _boolean("default_for_az"),
        _time("created_at"),
        _json("tags"),
    ),
    InternetGateway: _table(
        "internet_gateways",
        _text("project_id"),
        _text("vpc_id"),
        _text("host_id"),
        _integer("epoch"),
        _time("created_at"),
        _json("tags"),
    ),
    RouteTable: _table(
        "route_tables",
        _text("project_id"),
        _text("vpc_id"),
        _boolean("is_main"),
        _json("routes"),
        _time("created_at"),
        _json("tags"),
    ),
    SecurityGroup: _table(
        "security_groups",
        _text("project_id"),
        _text("vpc_id"),
        _text("name"),
        _text("description"),
        _time("created_at"),
        _json("tags"),
    ),
    SecurityGroupRule: _table(
        "security_group_rules",
        _text("project_id"),
        _text("group_id"),
        _boolean("is_egress"),
        _text("ip_protocol"),
        _integer("from_port"),
        _integer("to_port"),
        _text("cidr_ipv4"),
        _text("source_group_id"),
        _text("description"),
        _time("created_at"),
    ),
    Instance: _table(
        "instances",
        _text("project_id"),
        _text("reservation_id"),
        _integer("launch_index"),
        _text("image_id"),
        _text("instance_type"),
        _integer("vcpus"),
        _integer("memory_mib"),
        _text("zone"),
        _text("host_id"),
        _text("key_name"),
        _text("public_key"),
        Column("user_data", LargeBinary, nullable=False),
        _text("desired"),
        _integer("desired_revision"),
        _boolean("is_settled"),
        _integer("generation"),
        _integer("ran_generation"),
        _integer("reboot_count"),
        _integer("stop_timeout_s"),
        _boolean("public_ip_wanted"),
        _text("shutdown_behavior"),
        _boolean("disable_api_termination"),
        _json("state_reason", nullable=True),
        _time("launched_at"),
        _time("created_at"),
        _json("tags"),
        _time("terminated_at", nullable=True),
        _boolean("was_off"),
    ),
    NetworkInterface: _table(
        "network_interfaces",
        _text("project_id"),
        _text("vpc_id"),
        _text("subnet_id"),
        _text("instance_id"),
        _integer("device_index"),
        _text("mac_address"),
        _text("private_ip"),
        _json("group_ids"),
        _time("created_at"),
        unique=(("vpc_id", "private_ip"), ("vpc_id", "mac_address")),
    ),
    PublicAddress: _table(
        "addresses",
        _text("project_id"),
        _text("public_ip"),
        _boolean("is_elastic"),
        _text("interface_id"),
        _text("association_id"),
        _time("created_at"),
        _json("tags"),
        _boolean("is_released"),
        _text("leaving_host_id"),
        _text("leaving_vpc_id"),
        _integer("leaving_revision"),
        unique=(("public_ip",),),
    ),
    Volume: _table(
        "volumes",
        _text("project_id"),
        _text("zone"),
        _text("host_id"),
        _integer("size_gib"),
        _text("volume_type"),
        _text("image_id"),
        _integer("epoch"),
        _time("created_at"),
        _json("tags"),
        _boolean("is_ready"),
        _boolean("is_deleted"),
        _integer("deleted_revision"),
        _time("recycled_at", nullable=True),
    ),
    Attachment: _table(
        "attachments",
        _text("project_id"),
        _text("volume_id"),
        _text("instance_id"),
        _text("device_name"),
        _integer("epoch"),
        _integer("port"),
        _text("storage_host_id"),
        _text("client_host_id"),
        _boolean("delete_on_termination"),
        _text("phase"),
        _integer("phase_revision"),
        _time("created_at"),
        _time("phase_at", nullable=True),
        unique=(("volume_id", "epoch"), ("storage_host_id", "port")),
    ),
    Observation: _table(
        "observations",
        _text("host_id"),
        _text("kind"),
        _text("resource_id"),
        _boolean("converged"),
        _text("error"),
        _boolean("permanent"),
        _boolean("running"),
        _integer("generation"),
        _boolean("has_run"),
        _boolean("powered_off_by_guest"),
        _integer("reboot_count"),
        _json("export_names"),
        _time("since", nullable=True),
        _json("file", nullable=True),
        unique=(("host_id", "kind", "resource_id"),),
    ),
}

log = Table(
    "log",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
    _text("kind"),
    _text("resource_id"),
    _text("project_id"),
    _boolean("deleted"),
    _time("at"),
)

# `log_start`: the log is complete after this revision. `epoch`: whose word counts once several control planes share it.
meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("region"),
    _integer("revision"),
    _integer("log_start"),
    _integer("epoch"),
    CheckConstraint("id = 1"),
)


def unique_columns(table: Table) -> frozenset[str]:
    """Columns of which a value, or a combination, may be there only once; without `id`, which never changes."""
    constraints = (item for item in table.constraints if isinstance(item, UniqueConstraint))
    return frozenset(column.name for item in constraints for column in item.columns) - {"id"}
