"""`kit images`: the tools and images of the lock, where they are, and how to get or move them."""

from __future__ import annotations

import click

from kit.cli.frame import Group
from kit.cli.images import archive, obtain, show, upkeep

EXAMPLES = """
\b
Examples:
  kit images list                    what there is, and where each came from
  kit images build postgres          make one image, and what it needs
  kit images save kit.tar            everything in one file …
  kit images load kit.tar            … for a machine without any registry
  kit images build --custom sentry --base getsentry/sentry@sha256:…
  kit images verify                  whether upstream still has what the lock names
  KIT_REGISTRY_PREFIX=127.0.0.1:5000/ kit images pull
  kit images list --for chart --chart ./sentry-26.18.0.tgz --profile seed
  kit images save --for chart sentry.tar   Sentry's chart and all its images in one file
"""


@click.group("images", cls=Group, epilog=EXAMPLES)
def images() -> None:
    """List, build, pull, save and load the tools and images."""


for verb in (show.command, obtain.build, obtain.pull, archive.save, archive.load, upkeep.verify, upkeep.lock, upkeep.prune):
    images.add_command(verb)

command = images  # the name under which the frame finds every command
