"""`kit completion`: prints the script by which a shell completes commands and options."""

from __future__ import annotations

import click

from kit.cli.frame import Command


@click.command("completion", cls=Command, epilog='Example: eval "$(kit completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell; put it where the shell reads such scripts, or eval it."""
    from click.shell_completion import get_completion_class

    from kit.cli.app import kit

    generator = get_completion_class(shell)
    assert generator is not None  # the choice above lists only what click knows
    print(generator(kit, {}, "kit", "_KIT_COMPLETE").source())
    return 0
