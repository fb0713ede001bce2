"""The steps of a plan, each with its cause, its needs, and whether it destroys anything.

It is data: printed by `kit up --plan`, compared by the tests, walked by `execute`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `verb` and `subject` together are its identity; `needs` are identities that must be done before."""

    verb: str  # "start"
    subject: str  # "store/redis"
    cause: str  # "image changed aa… → bb…"
    needs: tuple[str, ...] = ()
    destructive: bool = False

    @property
    def id(self) -> str:
        return f"{self.verb} {self.subject}"

    @property
    def kind(self) -> str:
        """What is to be done to what sort of thing ("start store"): by this it is carried out."""
        return f"{self.verb} {self.subject.partition('/')[0]}"

    @property
    def name(self) -> str:
        """The part of the subject after the slash: the store's, image's or holder's own name."""
        return self.subject.partition("/")[2] or self.subject


Plan = tuple[Step, ...]


def linked(steps: Sequence[Step]) -> Plan:
    """The same steps with needs on steps that are not in the plan dropped: what needs nothing done is done already."""
    present = {step.id for step in steps}
    return tuple(replace(step, needs=tuple(need for need in step.needs if need in present)) for step in steps)
