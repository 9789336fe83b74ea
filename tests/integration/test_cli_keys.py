"""`sightline keys` and `sightline check` against a real database."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.conf import settings
from django.contrib.auth import get_user_model

from sightline import installation
from sightline.cli.check import check
from sightline.cli.keys import keys
from sightline.cli.quotas import quotas
from sightline.tenants import keys as service
from sightline.tenants.models import ApiKey, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


def call(*words: str) -> str:
    called = CliRunner().invoke(keys, words)
    assert called.exit_code == 0, called.output
    return called.stdout


def test_create_prints_the_key_alone() -> None:
    text = call("create", "bob", "--kinds", "ocr,gui", "--scopes", "submit", "--expires-days", "2")
    assert text.startswith("sl_")
    assert text.count("\n") == 1
    row = service.authenticate(text=text.strip())
    assert (row.name, row.kinds, row.scopes, row.tenant.name) == (
        "bob",
        ["ocr", "gui"],
        ["submit"],
        "default",
    )
    assert row.expires_at is not None


@pytest.mark.parametrize("words", [["--kinds", "video"], ["--scopes", "root"], ["--tenant", "a b"]])
def test_a_word_that_is_unknown_makes_no_key(words: list[str]) -> None:
    called = CliRunner().invoke(keys, ["create", "bob", *words])
    assert called.exit_code == 2
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("named_by", ["name", "prefix", "text"])
def test_a_revoked_key_is_refused(named_by: str) -> None:
    text = call("create", "bob").strip()
    row = service.authenticate(text=text)
    call("revoke", {"name": "bob", "prefix": f"{row.prefix}…", "text": text}[named_by])
    with pytest.raises(service.NotAuthenticated):
        service.authenticate(text=text)
    assert "revoked" in call("list")


def test_a_rotated_key_and_its_successor_both_work_for_a_while() -> None:
    old = call("create", "bob", "--kinds", "ocr", "--models", "default").strip()
    new = call("rotate", "bob", "--overlap-hours", "1").strip()
    assert new.startswith("sl_")
    first, second = service.authenticate(text=old), service.authenticate(text=new)
    assert (second.kinds, second.model_tags, second.replaces) == (["ocr"], ["default"], first)
    assert first.expires_at is not None
    assert second.expires_at is None
    ApiKey.objects.filter(pk=first.pk).update(expires_at=first.created_at)
    with pytest.raises(service.NotAuthenticated):
        service.authenticate(text=old)
    assert service.authenticate(text=new)


def test_quotas_are_set_changed_and_removed() -> None:
    call("create", "bob")

    def quota(*words: str) -> str:
        called = CliRunner().invoke(quotas, words)
        assert called.exit_code == 0, called.output
        return called.stdout

    assert "No quotas" in quota("list")
    quota("set", "default", "--kind", "ocr", "--per-minute", "60", "--in-flight", "5")
    quota("set", "default", "--kind", "ocr", "--in-flight", "none")
    assert Tenant.objects.get().quotas == {"ocr": {"per_minute": 60}}
    assert "per minute 60" in quota("list")
    quota("set", "default", "--kind", "ocr", "--per-minute", "none")
    assert Tenant.objects.get().quotas == {}
    for words in (
        ["set", "default"],
        ["set", "nobody", "--queued", "1"],
        ["set", "default", "--queued", "x"],
    ):
        assert CliRunner().invoke(quotas, words).exit_code != 0
    refused = CliRunner().invoke(quotas, ["set", "default", "--kind", "nope", "--queued", "1"])
    assert "is no kind" in refused.output


def test_revoking_by_a_name_that_two_keys_have_revokes_neither() -> None:
    call("create", "bob")
    call("create", "bob")
    called = CliRunner().invoke(keys, ["revoke", "bob"])
    assert called.exit_code == 1
    assert "2 keys" in called.output
    assert ApiKey.objects.filter(revoked_at=None).count() == 2


def test_this_machines_key_is_made_once_and_again_when_it_was_revoked() -> None:
    first = installation.local_key()
    assert installation.local_key() == first
    assert stat.S_IMODE(installation.key_file().stat().st_mode) == 0o600
    service.revoke(key=service.authenticate(text=first))
    second = installation.local_key()
    assert second != first
    service.authenticate(text=second)


def test_the_operator_keeps_a_password_that_somebody_changed() -> None:
    made = installation.operator()
    user = get_user_model().objects.get(username=made.name)
    assert user.is_superuser
    assert made.password is not None
    assert installation.operator() == made
    user.set_password("another")
    user.save()
    assert installation.operator().password is None


def test_check_lists_what_is_there_and_hints_at_what_is_not(redis_url: str) -> None:
    called = CliRunner().invoke(check)
    assert called.exit_code == 0, called.output
    assert "ok  database" in called.output
    assert "no group runs" in called.output
    assert "`sightline up`" in called.output


def test_check_fails_when_an_engine_elsewhere_does_not_answer(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ENGINE_URLS", ("http://127.0.0.1:1/v1",))
    called = CliRunner().invoke(check)
    assert called.exit_code == 1
    assert "SIGHTLINE_ENGINE_URLS" in called.output


def test_a_second_collection_of_unchanged_static_files_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".sources").write_text(installation._sources())
    monkeypatch.setattr(settings, "STATIC_ROOT", tmp_path)
    assert installation.collect_static() is False
    assert [path.name for path in tmp_path.iterdir()] == [".sources"]
