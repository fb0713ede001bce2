"""From a program under test to the target behind it, for tests that look or interfere from inside."""

from __future__ import annotations

from kit import workspace
from kit.blueprint.stack import Stack
from kit.targets.local.target import LocalTarget
from tests.support.program import Program


def local_target(program: Program) -> LocalTarget:
    space = workspace.find(program.stack)
    return LocalTarget(Stack(name=program.stack), workspace.Workspace(program.stack, space.assets, program.home, space.cache))
