"""The ports that the platform listens on: free before anything starts."""

import socket

import click


def require_free(host: str, port: int, *, variable: str, purpose: str) -> int:
    """The port itself, or for 0 one that is free now. A sentence instead of a start when it is taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the servers do: connections that wait for their last packets do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise click.ClickException(
                f"Port {port} on {host}, for {purpose}, cannot be used: {error.strerror}."
                f" Stop what listens there, or set {variable} to another port."
            ) from error
        return int(probe.getsockname()[1])
