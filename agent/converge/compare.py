"""Whether a driver would have nothing to do, so that it is not called. Pure."""

from dataclasses import replace

from agent.model import Export, ExportSpec, VolumeFile, VolumeSpec
from agent.views import View


def is_met(spec: View | None, found: object) -> bool:
    """Whether what a listing shows is what its spec says. `found` is None where it was not listed, or where a listing
    tells ids alone.
    """
    match spec, found:
        case VolumeSpec(), VolumeFile():
            return found.deleted == spec.deleted and (spec.deleted or found.size_bytes >= spec.size_bytes)
        case ExportSpec(), Export():
            return found == Export(spec)
    return False


def is_same_work(old: View | None, new: View | None) -> bool:
    """Whether who brought about the old spec has brought about the new one, which is another: that a volume was seen
    ready concerns those alone who look for it later.
    """
    match old, new:
        case VolumeSpec(), VolumeSpec():
            return old != new and replace(old, is_ready=new.is_ready) == new
    return False
