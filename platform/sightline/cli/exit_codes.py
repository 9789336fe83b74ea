"""How the client commands end, so that scripts can tell."""

import click

FAILED, USAGE, UNREACHABLE, REFUSED, TIME_IS_UP, INTERRUPTED = 1, 2, 3, 4, 5, 130

HELP = """\b
Exit codes:
  0    done; every job succeeded
  1    a job did not succeed, or another error
  2    wrong usage
  3    the server cannot be reached
  4    the server refused the request: key, quota, unknown job, …
  5    --timeout passed before a job ended
  130  stopped with Ctrl-C
"""


class Failed(click.ClickException):
    """Ends the command with a sentence on standard error and an exit code."""

    def __init__(self, message: str, *, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click ends the process with."""
        return self.code


class Interrupted(Failed):
    """Ctrl-C: no error, but something to know."""

    def __init__(self, message: str = "Stopped.") -> None:
        super().__init__(message, code=INTERRUPTED)

    def show(self, file: object = None) -> None:
        click.echo(f"\n{self.message}", err=True)
