"""Whether what a listing shows of a resource is what its spec says, so that a pass calls no driver for it. Pure."""

from agent.model import Export, ExportSpec, VolumeFile, VolumeSpec
from agent.views import View


def is_met(spec: View | None, found: object) -> bool:
    """Whether nothing is to be done. `found` is None where it was not listed, or where a listing tells ids alone."""
    match spec, found:
        case VolumeSpec(), VolumeFile():
            return found.deleted == spec.deleted and (spec.deleted or found.size_bytes >= spec.size_bytes)
        case ExportSpec(), Export():
            return found == Export(spec)
    return False
