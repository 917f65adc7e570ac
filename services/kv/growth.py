"""When a history has become so long that a snapshot is worth its while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Growth:
    """Bytes of a log and, of these, of the snapshot it begins with.

    Overgrown is a log with at least ``after`` bytes of history, and no less history than snapshot, so that rewriting
    costs a constant factor in the long run; ``after`` of 0 is never.
    """

    after: int
    snapshot: int = 0
    total: int = 0

    def overgrown(self) -> bool:
        return self.after > 0 and self.total - self.snapshot >= max(self.after, self.snapshot)

    def rewritten(self, total: int) -> None:
        """The log is a snapshot of ``total`` bytes now, or counts as one."""
        self.snapshot = self.total = total
