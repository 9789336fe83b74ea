"""Taking images in, finding, blocking and erasing them, against a real database and a real folder."""

import base64
import io
import stat
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from PIL import Image

from sightline import ids
from sightline.kinds.images import ImageRef
from sightline.media import services, storage
from sightline.media.models import BlockedMedia, Media
from sightline.media.refusal import MediaRefused, MediaTooLarge, PoisonedInput, UnsupportedMedia
from sightline.tenants.models import Tenant

pytestmark = pytest.mark.django_db


def png(colour: str = "red", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    backend = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "media")},
    }
    settings.STORAGES = settings.STORAGES | {"media": backend}
    return tmp_path / "media"


@pytest.fixture
def tenant(folder: Path) -> Tenant:
    return Tenant.objects.create(name="acme")


@pytest.fixture
def other(folder: Path) -> Tenant:
    return Tenant.objects.create(name="other")


def test_an_image_is_kept_with_its_facts(tenant: Tenant, folder: Path) -> None:
    data = png()
    media = services.ingest(tenant=tenant, data=data, filename="screen.png")
    media.refresh_from_db()
    assert (media.width, media.height, media.mime, media.bytes) == (40, 30, "image/png", len(data))
    assert (media.stored_width, media.stored_height, media.stored_mime) == (40, 30, "image/png")
    assert media.public_id.startswith("up_")
    assert services.open_bytes(media) == data
    file = folder / media.file
    assert file.read_bytes() == data
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not list(folder.rglob(".partial-*"))


def test_a_job_is_bound_to_the_upload_with_its_size_before_any_reduction(
    tenant: Tenant, settings: Any
) -> None:
    settings.PIXEL_BUDGET = 300
    media = services.ingest(tenant=tenant, data=png())
    image = services.stored_image(media)
    assert (image.sha256, image.width, image.height, image.mime) == (media.sha256, 40, 30, "image/png")
    assert services.by_sha256(tenant_id=tenant.id, digests=[image.sha256]) == {image.sha256: media}


def test_the_same_bytes_are_the_same_row_and_file(tenant: Tenant, folder: Path) -> None:
    first = services.ingest(tenant=tenant, data=png())
    written = (folder / first.file).stat().st_mtime_ns
    assert services.ingest(tenant=tenant, data=png()) == first
    assert Media.objects.count() == 1
    assert (folder / first.file).stat().st_mtime_ns == written


def test_tenants_share_nothing(tenant: Tenant, other: Tenant, folder: Path) -> None:
    ours, theirs = (services.ingest(tenant=owner, data=png()) for owner in (tenant, other))
    assert ours != theirs
    assert ours.file.partition("/")[0] == tenant.id.hex
    assert theirs.file.partition("/")[0] == other.id.hex
    assert services.find(tenant_id=tenant.id, upload_id=theirs.public_id) is None
    assert services.by_sha256(tenant_id=tenant.id, digests=[theirs.sha256]) == {ours.sha256: ours}


def test_two_requests_with_the_same_bytes_at_once_make_one_row(
    tenant: Tenant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, real, rivals = png(), services.normalise, []

    def overtaken(*arguments: Any) -> Any:
        done = real(*arguments)
        monkeypatch.setattr(services, "normalise", real)
        rivals.append(services.ingest(tenant=tenant, data=data))  # the other request is faster
        return done

    monkeypatch.setattr(services, "normalise", overtaken)
    assert services.ingest(tenant=tenant, data=data) == rivals[0]
    assert Media.objects.count() == 1
    assert list(storage.names()) == [rivals[0].file]
    assert services.open_bytes(rivals[0]) == data


def test_a_refused_image_leaves_neither_row_nor_file(tenant: Tenant, folder: Path) -> None:
    for data, refusal in (
        (b"", MediaRefused),
        (b"<svg/>", UnsupportedMedia),
        (png()[:-20], MediaRefused),
        (bytes(25 * 10**6), MediaTooLarge),
    ):
        with pytest.raises(refusal):
            services.ingest(tenant=tenant, data=data)
    assert not Media.objects.exists()
    assert not folder.exists()


def test_the_operators_limits_hold(tenant: Tenant, settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 1199
    with pytest.raises(MediaTooLarge):
        services.ingest(tenant=tenant, data=png())
    settings.MAX_IMAGE_PIXELS, settings.PIXEL_BUDGET = 1200, 300
    media = services.ingest(tenant=tenant, data=png())
    assert (media.width, media.stored_width, media.stored_height) == (40, 20, 15)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/passwd", "passwd"),
        ("a\x00b\n.png", "ab.png"),
        ("x" * 999, "x" * 255),
        ("..", ".."),
        (None, ""),
    ],
)
def test_a_files_name_is_shown_but_never_a_path(
    tenant: Tenant, folder: Path, sent: str | None, kept: str
) -> None:
    media = services.ingest(tenant=tenant, data=png(), filename=sent)
    assert media.filename == kept
    tenant_part, fan, name = media.file.split("/")
    assert (tenant_part, fan) == (tenant.id.hex, media.sha256[:2])
    assert name == f"{media.sha256}-{media.id.hex}.png"
    assert {path for path in folder.parent.rglob("*") if path.is_file()} == {folder / media.file}


def test_a_lost_file_comes_back_with_the_same_bytes(tenant: Tenant, folder: Path) -> None:
    media = services.ingest(tenant=tenant, data=png())
    (folder / media.file).unlink()
    assert services.ingest(tenant=tenant, data=png()) == media
    assert services.open_bytes(media) == png()


def test_a_write_that_fails_leaves_nothing(
    tenant: Tenant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    services.ingest(tenant=tenant, data=png("blue"))
    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        services.ingest(tenant=tenant, data=png("red"))
    assert Media.objects.count() == 1
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def ref(**source: str) -> ImageRef:
    return ImageRef(**source)


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_references_become_media_in_order(tenant: Tenant) -> None:
    upload = services.ingest(tenant=tenant, data=png("blue"))
    found = services.for_refs(
        tenant=tenant,
        refs=[
            ref(data=data_uri(png("red"))),
            ref(upload_id=upload.public_id),
            ref(url="https://example.com/a.png"),
        ],
    )
    assert found[1] == upload
    assert found[0] is not None
    assert services.open_bytes(found[0]) == png("red")
    assert found[2] is None


def test_a_refused_reference_is_named_by_its_pointer(tenant: Tenant, other: Tenant) -> None:
    theirs = services.ingest(tenant=other, data=png()).public_id
    cases = [
        (ref(data="data:image/png;base64,AAAA"), "/data", 415),
        (ref(data="data:text/html;base64,AAAA"), "/data", 415),
        (ref(data="data:image/png;base64,A"), "/data", 422),
        (ref(upload_id="up_nonsense"), "/upload_id", 422),
        (ref(upload_id=ids.encode("up", ids.new_id())), "/upload_id", 422),
        (ref(upload_id=theirs), "/upload_id", 422),
    ]
    good = ref(data=data_uri(png()))
    for bad, field, status in cases:
        with pytest.raises(MediaRefused) as refusal:
            services.for_refs(tenant=tenant, refs=[good, bad])
        assert refusal.value.status == status
        assert [error.pointer for error in refusal.value.errors] == ["/input/images/1" + field]
    with pytest.raises(MediaRefused) as refusal:
        services.for_refs(tenant=tenant, refs=[cases[0][0]], pointers=["/messages/0/content/1/image_url"])
    assert refusal.value.errors[0].pointer == "/messages/0/content/1/image_url/data"


def test_a_blocked_picture_is_refused_in_any_file_until_it_is_released(tenant: Tenant, other: Tenant) -> None:
    media = services.ingest(tenant=tenant, data=png())
    blocked = BlockedMedia.objects.create(
        tenant=tenant, pixel_sha256=media.pixel_sha256, reason="kills", job="job_1"
    )
    for data in (png(), png(compress_level=0)):
        with pytest.raises(PoisonedInput) as refusal:
            services.ingest(tenant=tenant, data=data)
        assert (refusal.value.code, refusal.value.status) == ("poisoned_input", 422)
    with pytest.raises(PoisonedInput):
        services.for_refs(tenant=tenant, refs=[ref(upload_id=media.public_id)])
    services.ingest(tenant=other, data=png())  # blocked for one tenant only
    assert services.release(blocked=blocked, by="operator")
    assert not services.release(blocked=blocked, by="another")
    services.ingest(tenant=tenant, data=png(compress_level=0))
    BlockedMedia.objects.create(tenant=None, pixel_sha256=media.pixel_sha256, reason="kills")
    with pytest.raises(PoisonedInput):
        services.ingest(tenant=other, data=png())


def test_erasing_removes_the_file_when_the_transaction_commits(
    tenant: Tenant, folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    media = services.ingest(tenant=tenant, data=png())
    with django_capture_on_commit_callbacks(execute=True):
        assert services.erase(media=media)
        assert (folder / media.file).exists()
    assert not (folder / media.file).exists()
    assert not services.erase(media=media)
    again = services.ingest(tenant=tenant, data=png())
    assert again.file != media.file


def test_an_erasure_that_is_rolled_back_loses_nothing(tenant: Tenant) -> None:
    media = services.ingest(tenant=tenant, data=png())
    with transaction.atomic():
        services.erase(media=media)
        transaction.set_rollback(True)
    assert services.open_bytes(Media.objects.get()) == png()


def test_orphaned_files_are_erased_and_others_kept(tenant: Tenant) -> None:
    media = services.ingest(tenant=tenant, data=png())
    orphan = storage.name_for(
        tenant_id=tenant.id, media_id=ids.new_id(), sha256="ab" * 32, mime=storage.Format.PNG
    )
    storage.write(orphan, b"left behind")
    assert services.erase_orphans(names=list(storage.names())) == 1
    assert list(storage.names()) == [media.file]
