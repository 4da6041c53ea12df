"""What can go wrong between memory and the database, by what the process must do about it."""


class StoreError(Exception):
    """The call had no effect, or nobody knows: throw the memory away and load again."""


class StorageFailed(StoreError):
    """The disk is full or broken, or fsync failed: what is durable is unknown, so the process must end."""


class StoreBusy(StoreError):
    """Another process holds the database's lock for too long."""


class Diverged(StoreError):
    """Memory and database disagree: a constraint refused a row, a row to change was not there, another one wrote."""


class SchemaMismatch(StoreError):
    """The database's schema is not the one that this code knows."""


class WrongRegion(StoreError):
    """The database belongs to another region."""
