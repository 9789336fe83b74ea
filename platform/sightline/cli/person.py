"""Who sits at this terminal, for the audit of commands that write to the database themselves."""

import getpass
import os


def person() -> str:
    """`cli:name` of the operating system's user; its number where it has no name, as in some containers."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"
