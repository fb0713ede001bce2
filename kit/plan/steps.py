"""A plan is a list of steps, each with its cause. It is data: printed by `kit up --plan`, compared by the tests, walked by `execute`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    def name(self) -> str:
        """The part of the subject after the slash: the store's, image's or holder's own name."""
        return self.subject.partition("/")[2] or self.subject


Plan = tuple[Step, ...]


def linked(steps: Sequence[Step]) -> Plan:
    """The same steps with needs on steps that are not in the plan dropped: what needs nothing done is done already."""
    present = {step.id for step in steps}
    return tuple(
        Step(step.verb, step.subject, step.cause, tuple(need for need in step.needs if need in present), step.destructive)
        for step in steps
    )


def text(plan: Plan) -> str:
    """The plan for people and for the tests: number, verb, subject, the numbers it comes after, cause."""
    if not plan:
        return "nothing to do\n"
    numbers = {step.id: number for number, step in enumerate(plan, start=1)}
    rows = []
    for step in plan:
        after = " ".join(str(number) for number in sorted(numbers[need] for need in step.needs))
        rows.append((str(numbers[step.id]), step.verb, step.subject, f"after {after}" if after else "", step.cause, step.destructive))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join(
        f"{row[0]:>{widths[0] + 2}}  {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}"
        + ("  (destroys data)" if row[5] else "")
        + "\n"
        for row in rows
    )
