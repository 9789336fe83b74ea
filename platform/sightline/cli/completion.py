"""`sightline completion`: what makes a shell complete our commands, options and jobs."""

import click

_SHELLS = ("bash", "zsh", "fish")
_HOW = {
    "bash": 'eval "$(sightline completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(sightline completion zsh)"  # in ~/.zshrc',
    "fish": "sightline completion fish > ~/.config/fish/completions/sightline.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for bash (4.4 or later), zsh or fish."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"The installed click knows no {shell}.")
    root = ctx.find_root()
    # Not source(): it would ask this machine's bash for its version, which need not be the one that reads this.
    script = made(root.command, {}, "sightline", "_SIGHTLINE_COMPLETE")
    click.echo(script.source_template % script.source_vars())
