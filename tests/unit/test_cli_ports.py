"""A taken port is said before anything starts."""

import socket

import click
import pytest

from sightline.cli.ports import require_free


def test_a_taken_port_names_the_variable_to_set() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(click.ClickException, match=f"Port {port} .* set SIGHTLINE_PORT"):
            require_free("127.0.0.1", port, variable="SIGHTLINE_PORT", purpose="the web")


def test_port_0_becomes_a_free_one() -> None:
    assert require_free("127.0.0.1", 0, variable="SIGHTLINE_PORT", purpose="the web") > 0
