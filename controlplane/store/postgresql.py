"""What only PostgreSQL needs: connection options, and the meaning of its error codes."""

from sqlalchemy import URL, Engine, create_engine

from controlplane.store.errors import StorageFailed, StoreBusy, StoreError

# PostgreSQL manual, appendix A: disk_full; system errors (among them io_error); data corrupted.
_FAILURES = ("53100", "58", "XX001", "XX002")
_LOCKS = ("55P03", "40")  # lock_not_available; transaction rollback (serialisation, deadlock).


def engine(url: URL) -> Engine:
    """Parameters go by position, as with SQLite; a transaction sees one snapshot, so that loading is consistent."""
    return create_engine(url, paramstyle="format", isolation_level="REPEATABLE READ")


def classify(error: BaseException | None) -> type[StoreError]:
    code = getattr(error, "sqlstate", None) or ""
    if code.startswith(_FAILURES):
        return StorageFailed
    return StoreBusy if code.startswith(_LOCKS) else StoreError
