"""The first schema. Every table has a `position`, the order in which its rows came to be, and a unique `id`.

A column is "name type", with a "?" where it may be null.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "boolean": sa.Boolean(),
    "time": sa.DateTime(timezone=True),
    "bytes": sa.LargeBinary(),
}

_COLUMNS = {
    "projects": "name text, created_at time",
    "tokens": "project_id text, role integer, secret_hash text, created_at time, revoked_at time?",
    "client_tokens": "project_id text, operation text, request_hash text, result text, created_at time",
    "zones": "created_at time",
    "host_tokens": (
        "secret_hash text, zone text, roles text, created_at time, expires_at time, host_id text, join_hash text"
    ),
    "hosts": (
        "number integer, name text, zone text, roles text, underlay_address text, created_at time, "
        "join_token_id text, vcpus integer, memory_mib integer, storage_gib integer, agent_version text, "
        "problems text"
    ),
    "instance_types": "vcpus integer, memory_mib integer, created_at time",
    "images": (
        "project_id text, name text, description text, format text, size_bytes integer, "
        "virtual_size_bytes integer, sha256 text, created_at time, tags text, deregistered_at time?"
    ),
    "key_pairs": (
        "project_id text, name text, key_type text, fingerprint text, public_key text, created_at time, tags text"
    ),
    "vpcs": "project_id text, cidr_block text, vni integer, is_default boolean, created_at time, tags text",
    "subnets": (
        "project_id text, vpc_id text, zone text, cidr_block text, map_public_ip_on_launch boolean, "
        "default_for_az boolean, created_at time, tags text"
    ),
    "internet_gateways": "project_id text, vpc_id text, host_id text, epoch integer, created_at time, tags text",
    "route_tables": "project_id text, vpc_id text, is_main boolean, routes text, created_at time, tags text",
    "security_groups": "project_id text, vpc_id text, name text, description text, created_at time, tags text",
    "security_group_rules": (
        "project_id text, group_id text, is_egress boolean, ip_protocol text, from_port integer, to_port integer, "
        "cidr_ipv4 text, source_group_id text, description text, created_at time"
    ),
    "instances": (
        "project_id text, reservation_id text, launch_index integer, image_id text, instance_type text, "
        "vcpus integer, memory_mib integer, zone text, host_id text, key_name text, public_key text, "
        "user_data bytes, desired text, desired_revision integer, is_settled boolean, generation integer, "
        "ran_generation integer, reboot_count integer, stop_timeout_s integer, public_ip_wanted boolean, "
        "shutdown_behavior text, disable_api_termination boolean, state_reason text?, launched_at time, "
        "created_at time, tags text, terminated_at time?, was_off boolean"
    ),
    "network_interfaces": (
        "project_id text, vpc_id text, subnet_id text, instance_id text, device_index integer, mac_address text, "
        "private_ip text, group_ids text, created_at time"
    ),
    "addresses": (
        "project_id text, public_ip text, is_elastic boolean, interface_id text, association_id text, "
        "created_at time, tags text, is_released boolean, leaving_host_id text, leaving_revision integer"
    ),
    "volumes": (
        "project_id text, zone text, host_id text, size_gib integer, volume_type text, image_id text, "
        "epoch integer, created_at time, tags text, is_ready boolean, is_deleted boolean, deleted_revision integer"
    ),
    "attachments": (
        "project_id text, volume_id text, instance_id text, device_name text, epoch integer, port integer, "
        "storage_host_id text, client_host_id text, delete_on_termination boolean, phase text, "
        "phase_revision integer, created_at time"
    ),
    "observations": (
        "host_id text, kind text, resource_id text, converged boolean, error text, permanent boolean, "
        "running boolean, generation integer, has_run boolean, powered_off_by_guest boolean, "
        "reboot_count integer, export_names text"
    ),
}

_UNIQUE = {
    "projects": [["name"]],
    "tokens": [["secret_hash"]],
    "host_tokens": [["secret_hash"]],
    "hosts": [["number"]],
    "key_pairs": [["project_id", "name"]],
    "vpcs": [["vni"]],
    "network_interfaces": [["vpc_id", "mac_address"], ["vpc_id", "private_ip"]],
    "addresses": [["public_ip"]],
    "attachments": [["storage_host_id", "port"], ["volume_id", "epoch"]],
    "observations": [["host_id", "kind", "resource_id"]],
}


def upgrade() -> None:
    for name, columns in _COLUMNS.items():
        _create_table(name, columns.split(", "), [["id"], *_UNIQUE.get(name, [])])
    _create_log()
    _create_meta()


def _create_table(name: str, columns: list[str], unique: list[list[str]]) -> None:
    op.create_table(
        name,
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        *map(_column, columns),
        *(sa.UniqueConstraint(*names, name=f"uq_{name}_{'_'.join(names)}") for names in unique),
    )


def _column(text: str) -> sa.Column[Any]:
    name, word = text.split(" ")
    return sa.Column(name, _TYPES[word.rstrip("?")], nullable=word.endswith("?"))


def _create_log() -> None:
    columns = "kind text, resource_id text, project_id text, deleted boolean, at time"
    op.create_table(
        "log",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ordinal", sa.BigInteger(), primary_key=True, autoincrement=False),
        *map(_column, columns.split(", ")),
    )


def _create_meta() -> None:
    meta = op.create_table(
        "meta",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        *map(_column, ["region text", "revision integer", "log_start integer", "epoch integer"]),
        sa.CheckConstraint("id = 1", name="ck_meta"),
    )
    op.bulk_insert(meta, [{"id": 1, "region": "", "revision": 0, "log_start": 0, "epoch": 0}])
