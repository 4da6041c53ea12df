"""On whose word this host destroys anything. Pure.

Each update says of which region it is, of which incarnation of that region's database, and at which revision. One of
another region or incarnation, or of a revision that goes back, comes from a control plane that may not know what there
is: its database was restored from a backup, or this machine belongs to somebody else. Such an update is held: what it
adds is taken in, nothing is removed, until an admin's word (`stead host release`) comes with it. That word is for an
incarnation, and may itself be in the backup: it does not excuse one that goes back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from agent.converge.joined import joined
from agent.messages import Update
from agent.model import Ref, Spec, VolumeSpec


@dataclass(frozen=True, slots=True)
class Authority:
    """The last update that was followed in all it said. Without an incarnation: none was, or it did not say."""

    region: str = ""
    incarnation: str = ""
    revision: int = 0
    seal: bytes = b""  # The control plane's, on these three.

    def after(self, update: Update) -> "Authority":
        return Authority(update.region, update.incarnation, update.revision, update.seal)

    def objection(self, update: Update) -> str:
        """Why it must not remove anything, for people; empty where it may."""
        if not self.incarnation:
            return ""
        if (update.region, update.incarnation) == (self.region, self.incarnation):
            return self._went_back(update) if update.revision < self.revision else ""
        if update.released:
            return ""
        if update.region != self.region:
            return self._held(f"this host belonged to region {self.region}, and is told what to do by {update.region}")
        return self._held("the control plane's database was restored from a backup, or is another one")

    def _went_back(self, update: Update) -> str:
        return self._held(f"the control plane went back from revision {self.revision} to {update.revision}")

    def _held(self, cause: str) -> str:
        return f"held: {cause}; nothing is removed here until an admin has looked: `stead host release`"


def without_removals(update: Update, known: Mapping[Ref, Spec]) -> Update:
    """What it adds and changes, joined with what is known."""
    put = tuple(joined(known.get(spec.ref), spec) for spec in update.put if not _is_tombstone(spec))
    raw = {spec.ref: update.raw[spec.ref] for spec in put if spec in update.put and spec.ref in update.raw}
    return replace(update, snapshot=False, remove=(), put=put, raw=raw)


def withheld(update: Update, known: Mapping[Ref, Spec], before: Collection[Ref]) -> frozenset[Ref]:
    """What is here although the update removes it, or those `before` did. None of it is as the control plane wants it:
    to say that it has converged would tell that it is in the trash, or that its address is free.
    """
    whole = (spec for spec in update.put if joined(known.get(spec.ref), spec) == spec)
    wanted = {spec.ref for spec in whole if not _is_tombstone(spec) or known.get(spec.ref) == spec}
    changed = {spec.ref for spec in update.put}
    removed = set(known) if update.snapshot else {*before, *update.remove, *changed}
    return frozenset((removed & known.keys()) - wanted)


def _is_tombstone(spec: Spec) -> bool:
    return isinstance(spec, VolumeSpec) and spec.deleted
