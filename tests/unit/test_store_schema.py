"""Schema, row types and migrations say the same, and no statement is for one database alone."""

import sqlite3
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, get_type_hints

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import DateTime, bindparam, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql_dialect
from sqlalchemy.schema import CreateTable

from controlplane.model.host import Host, HostRole
from controlplane.model.image import Image
from controlplane.model.network import Leaving, SecurityGroupRule
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import State
from controlplane.model.table import Row
from controlplane.model.vpc import RouteTable
from controlplane.service.network_acls import new_acl
from controlplane.store import migration, postgresql, sqlite
from controlplane.store.errors import SchemaMismatch, StorageFailed, StoreBusy, StoreError
from controlplane.store.rows import StoredRows
from controlplane.store.schema import TABLES, metadata
from controlplane.store.store import LogEntry, Store
from tests.unit.region import NOW, Region
from tests.unit.store_cases import BACKENDS, empty_url, opened


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(empty_url(request.param, tmp_path))


def test_every_table_of_the_state_has_one_in_the_schema() -> None:
    assert list(TABLES) == list(State().tables)


@pytest.mark.parametrize("row_type", TABLES, ids=lambda row_type: row_type.__name__)
def test_columns_are_the_rows_fields(row_type: type[Row]) -> None:
    columns = list(TABLES[row_type].columns)
    assert [column.name for column in columns] == ["position", *(item.name for item in fields(row_type))]  # type: ignore[arg-type]
    hints = get_type_hints(row_type)
    assert [column.nullable for column in columns[1:]] == [isinstance(hint, UnionType) for hint in hints.values()]


def test_migrations_lead_to_the_schema(url: str) -> None:
    opened(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def insert_into_first_schema(url: str, table: str, columns: str, values: str) -> None:
    """A row in a database of the first release; `values` may use `:at`."""
    engine, config = create_engine(url), migration._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        row = text(f"INSERT INTO {table} ({columns}) VALUES ({values})")
        connection.execute(row.bindparams(bindparam("at", NOW, type_=DateTime(timezone=True))))
    engine.dispose()


def test_a_host_of_before_is_neither_removed_nor_away(url: str) -> None:
    columns = (
        "id, number, name, zone, roles, underlay_address, created_at, join_token_id, vcpus, memory_mib, storage_gib"
    )
    values = "'host-1', 1, 'metal', 'a', '[1]', '192.0.2.1', :at, 't', 1, 1, 1, '0.1', '[]'"
    insert_into_first_schema(url, "hosts", f"{columns}, agent_version, problems", values)
    store = opened(url)
    (host,) = store.load().hosts
    expected = Host("host-1", 1, "metal", "a", (HostRole.COMPUTE,), "192.0.2.1", NOW, "t", 1, 1, 1, "0.1")
    assert host == expected
    store.close()


def test_an_image_of_before_is_its_projects_own(url: str) -> None:
    columns = "id, project_id, name, description, format, size_bytes, virtual_size_bytes, sha256, created_at, tags"
    insert_into_first_schema(url, "images", columns, "'ami-1', 'proj-1', 'tiny', '', 'raw', 1, 1, '0', :at, '{}'")
    store = opened(url)
    (image,) = store.load().images
    assert image == Image("ami-1", "proj-1", "tiny", "", "raw", 1, 1, "0", NOW, {})
    store.close()


def test_an_instance_of_before_is_made_of_what_all_were(url: str) -> None:
    texts = (
        "id, project_id, reservation_id, image_id, instance_type, zone, host_id, key_name, public_key, "
        "shutdown_behavior, state_reason, tags, desired"
    )
    numbers = (
        "launch_index, vcpus, memory_mib, desired_revision, generation, ran_generation, reboot_count, stop_timeout_s"
    )
    flags = "is_settled, public_ip_wanted, disable_api_termination, was_off"
    columns = f"{texts}, {numbers}, {flags}, user_data, launched_at, created_at"
    values = [*["'x'"] * 10, "NULL", "'{}'", "'on'", *["1"] * 8, *["false"] * 4, "''", ":at", ":at"]
    insert_into_first_schema(url, "instances", columns, ", ".join(values))
    store = opened(url)
    (instance,) = store.load().instances
    assert (instance.architecture, instance.boot_mode, instance.machine_type) == ("x86_64", "legacy-bios", "q35")
    store.close()


def test_a_rule_of_before_names_no_prefix_list(url: str) -> None:
    columns = (
        "id, project_id, group_id, is_egress, ip_protocol, from_port, to_port, cidr_ipv4, source_group_id, description,"
        " created_at"
    )
    values = "'sgr-1', 'proj-1', 'sg-1', true, 'tcp', 22, 22, '0.0.0.0/0', '', '', :at"
    insert_into_first_schema(url, "security_group_rules", columns, values)
    store = opened(url)
    (rule,) = store.load().rules
    expected = SecurityGroupRule("sgr-1", "proj-1", "sg-1", True, "tcp", 22, 22, "0.0.0.0/0", "", "", NOW)
    assert rule == expected
    store.close()


def test_an_address_of_before_waits_for_its_gateway_on(url: str) -> None:
    columns = "id, number, name, zone, roles, underlay_address, created_at, join_token_id, vcpus, memory_mib"
    values = "'host-1', 1, 'metal', 'a', '[1]', '192.0.2.1', :at, 't', 1, 1, 1, '0.1', '[]'"
    insert_into_first_schema(url, "hosts", f"{columns}, storage_gib, agent_version, problems", values)
    columns = (
        "id, project_id, public_ip, is_elastic, interface_id, association_id, created_at, tags, is_released, "
        "leaving_host_id, leaving_revision"
    )
    for number, host_id in enumerate(("host-1", "", "host-gone")):
        values = f"'eipalloc-{number}', 'p', '192.0.2.{number}', true, '', '', :at, '{{}}', false, '{host_id}', 7"
        insert_into_first_schema(url, "addresses", columns, values)
    store = opened(url)
    assert [row.leaving for row in store.load().addresses] == [(Leaving("host-1", "", 7),), (), ()]
    store.close()


def test_a_main_table_of_before_has_an_association_and_a_default_vpc_public_names(url: str) -> None:
    vpc = "id, project_id, cidr_block, vni, is_default, created_at, tags"
    insert_into_first_schema(url, "vpcs", vpc, "'vpc-1', 'proj-1', '172.31.0.0/16', 1, true, :at, '{}'")
    table = "id, project_id, vpc_id, is_main, routes, created_at, tags"
    insert_into_first_schema(url, "route_tables", table, "'rtb-1', 'proj-1', 'vpc-1', true, '[]', :at, '{}'")
    store = opened(url)
    state = store.load()
    ((vpc_row,), (table_row,)) = state.vpcs, state.route_tables
    assert (vpc_row.enable_dns_support, vpc_row.enable_dns_hostnames) == (True, True)
    assert table_row == RouteTable("rtb-1", "proj-1", "vpc-1", 1, "rtbassoc-1", (), NOW, {})
    store.close()


def test_a_vpc_of_before_has_an_open_acl_that_guards_its_subnets(url: str) -> None:
    vpc = "id, project_id, cidr_block, vni, is_default, created_at, tags"
    insert_into_first_schema(url, "vpcs", vpc, "'vpc-1', 'proj-1', '10.0.0.0/16', 1, false, :at, '{}'")
    subnet = "id, project_id, vpc_id, zone, cidr_block, map_public_ip_on_launch, default_for_az, created_at, tags"
    values = "'subnet-2', 'proj-1', 'vpc-1', 'a', '10.0.1.0/24', false, false, :at, '{}'"
    insert_into_first_schema(url, "subnets", subnet, values)
    store = opened(url)
    state = store.load()
    ((acl,), (subnet_row,)) = state.network_acls, state.subnets
    made = new_acl(Region().call("proj-1"), state.vpcs["vpc-1"], {}, is_default=True)
    assert acl == NetworkAcl("acl-1", "proj-1", "vpc-1", True, made.entries, NOW, {})
    assert (subnet_row.network_acl_id, subnet_row.network_acl_association_id) == ("acl-1", "aclassoc-2")
    store.close()


def test_a_log_of_before_is_read_as_it_was(url: str) -> None:
    columns = "revision, ordinal, kind, resource_id, project_id, deleted, at"
    first, second = "3, 0, 'vpc', 'vpc-1', 'proj-1', false, :at", "3, 1, 'zone', 'a', '', true, :at"
    insert_into_first_schema(url, "log", columns, f"{first}), ({second}), (4, 0, 'zone', 'b', '', false, :at")
    store = opened(url)
    assert store.read_recent_log(9) == [
        LogEntry(3, "vpc", "vpc-1", "proj-1", False, NOW),
        LogEntry(3, "zone", "a", "", True, NOW),
        LogEntry(4, "zone", "b", "", False, NOW),
    ]
    store.close()


def test_a_call_of_before_the_record_of_calls_is_not_carried_out_again(url: str) -> None:
    columns = "id, project_id, operation, request_hash, result, created_at"
    insert_into_first_schema(url, "client_tokens", columns, "'proj-1/t', 'proj-1', 'RunInstances', 'h', '[]', :at")
    store = opened(url)
    (record,) = store.load().calls
    assert (record.id, record.operation, record.result, record.created_at) == ("proj-1/t", "RunInstances", "[]", NOW)
    store.close()


def test_an_empty_database_is_migrated_once(url: str) -> None:
    store = Store.open(url)
    with pytest.raises(SchemaMismatch, match="stead-controlplane init"):
        store.check_schema()
    store.migrate()
    store.migrate()
    store.check_schema()
    assert store.load().revision == 0
    store.close()


def test_a_newer_schema_is_refused(url: str) -> None:
    store = opened(url)
    execute(url, "UPDATE alembic_version SET version_num = 'from-the-future'")
    for step in (store.check_schema, store.migrate):
        with pytest.raises(SchemaMismatch, match="from-the-future, which this version does not know"):
            step()
    store.close()


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    execute(url, "CREATE TABLE volumes (mine TEXT)")
    store = Store.open(url)
    with pytest.raises(StoreError, match="volumes"):
        store.migrate()
    execute(url, "DROP TABLE volumes")
    store.migrate()
    store.close()


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("row_type", TABLES, ids=lambda row_type: row_type.__name__)
def test_statements_compile_for_postgresql(row_type: type[Row]) -> None:
    dialect = postgresql_dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    rows = StoredRows(row_type, TABLES[row_type], dialect)
    width = len(fields(row_type))  # type: ignore[arg-type]
    statements = {rows.insert: width, rows.insert_at: width + 1, rows.update: width, rows.delete: 1}
    assert {sql: sql.count("%s") for sql in statements} == statements
    assert "position BIGSERIAL" in str(CreateTable(TABLES[row_type]).compile(dialect=dialect))


class Reported(Exception):
    """A driver's error, with what it tells of its cause."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, StorageFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageFailed),
        (sqlite3.SQLITE_CORRUPT, StorageFailed),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_ERROR, StoreError),
    ],
)
def test_sqlite_errors_are_told_apart(code: int, expected: type[StoreError]) -> None:
    assert sqlite.classify(Reported(sqlite_errorcode=code)) is expected


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("53100", StorageFailed),
        ("58030", StorageFailed),
        ("40001", StoreBusy),
        ("42P01", StoreError),
        (None, StoreError),
    ],
)
def test_postgresql_errors_are_told_apart(sqlstate: str | None, expected: type[StoreError]) -> None:
    assert postgresql.classify(Reported(sqlstate=sqlstate)) is expected
