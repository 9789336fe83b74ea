"""An image comes out upright, opaque and within the budget, and untouched when it already is."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from sightline.media import hashes
from sightline.media.decode import PixelGate
from sightline.media.guard import inspect
from sightline.media.limits import Limits
from sightline.media.normalise import Normalised, fit, normalise
from sightline.media.sniff import Format


def corners(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """White, with a red top left and a blue top right corner: every turn of it looks different."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, 16, 16))
    image.paste("blue", (size[0] - 16, 0, size[0], 16))
    return image


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def run(data: bytes, limits: Limits | None = None) -> tuple[Normalised, Image.Image]:
    done = normalise(data, inspect(data, limits), limits)
    return done, Image.open(io.BytesIO(done.data))


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = corners().transpose(TURNS[orientation])  # what a camera held that way writes
    options = {"quality": 100} if kind != "PNG" else {}
    data = save(stored, kind, exif=exif, **options)
    facts = inspect(data)
    assert facts.orientation == orientation
    assert facts.upright_size == (60, 40)
    done, image = run(data)
    assert image.size == (60, 40) == (done.width, done.height) == (done.original_width, done.original_height)
    assert image.getexif().get(0x0112, 1) == 1
    difference = np.abs(np.asarray(image.convert("RGB"), dtype=int) - np.asarray(corners(), dtype=int))
    assert difference.mean() < 4


def test_an_orientation_in_xmp_is_applied_as_the_engine_would() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    data = save(corners((40, 60)), "JPEG", xmp=xmp)
    assert inspect(data).orientation == 6
    assert run(data)[1].size == (60, 40)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_nonsense_in_exif_leaves_the_picture_alone() -> None:
    for value in (0, 9, 77):
        exif = Image.Exif()
        exif[0x0112] = value
        data = save(corners(), "JPEG", exif=exif)
        assert inspect(data).orientation == 1
        assert run(data)[0].data == data


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("WEBP", "RGB"),
    ],
)
def test_a_plain_image_goes_through_untouched(kind: str, mode: str) -> None:
    data = save(corners().convert(mode), kind)
    done, image = run(data)
    assert done.data is data
    assert image.convert("RGB").size == (60, 40)


def test_an_opaque_screenshot_with_an_alpha_channel_goes_through_untouched() -> None:
    data = save(corners().convert("RGBA"), "PNG")
    done, _ = run(data)
    assert done.data is data
    assert done.pixel_sha256 == run(save(corners(), "PNG"))[0].pixel_sha256


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    if mode == "P":
        data = save(image.quantize(16), "PNG")
    elif mode == "PA":
        data = save(image, "WEBP", lossless=True)
    else:
        data = save(image.convert(mode), "PNG")
    done, out = run(data)
    assert out.mode == "RGB"
    assert (out.getpixel((2, 2)), out.getpixel((15, 2))) == ((0, 0, 0), (255, 255, 255))
    assert done.mime in (Format.PNG, Format.JPEG)


def test_sixteen_bit_grey_keeps_its_greys() -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64, dtype=np.uint16)[None, :], 16, axis=0)
    for kind in ("PNG", "TIFF"):
        _, out = run(save(Image.fromarray(ramp), kind))
        row = np.asarray(out)[0, :, 0].astype(int)
        assert out.mode == "RGB"
        assert (abs(row - np.linspace(0, 255, 64)) <= 1).all()


def test_cmyk_becomes_rgb() -> None:
    done, out = run(save(corners().convert("CMYK"), "JPEG", quality=95))
    assert (out.mode, done.mime) == ("RGB", Format.JPEG)
    assert out.getpixel((30, 30)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_many_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("black", "green")]
    data = save(corners((20, 20)), kind, save_all=True, append_images=frames)
    assert inspect(data).frames == 3
    _, out = run(data)
    assert getattr(out, "n_frames", 1) == 1
    assert out.convert("RGB").getpixel((2, 2))[0] > 200


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_formats_that_engines_may_not_read_become_png(kind: str) -> None:
    done, out = run(save(corners(), kind))
    assert done.mime is Format.PNG
    assert out.convert("RGB").getpixel((2, 2)) == (255, 0, 0)
    assert done.pixel_sha256 == run(save(corners(), "PNG"))[0].pixel_sha256


def test_a_picture_above_the_budget_is_reduced_and_keeps_its_shape() -> None:
    limits = Limits(model_max_pixels=600)
    done, out = run(save(corners(), "PNG"), limits)
    assert out.size == (done.width, done.height) == (30, 20)
    assert (done.original_width, done.original_height) == (60, 40)
    assert done.pixel_sha256 == run(save(corners(), "PNG"))[0].pixel_sha256


def test_fit_never_exceeds_the_budget_nor_grows() -> None:
    for size in ((1, 200), (1920, 1080), (8192, 4096), (4000, 20), (5793, 5793)):
        for budget in (200, 50_176, 4_194_304):
            width, height = fit(size, budget)
            assert width * height <= budget or (width, height) == size
            assert width <= size[0]
            assert height <= size[1]


def test_the_pixel_digest_sees_size_and_pixels_only() -> None:
    files = [save(corners(), "PNG"), save(corners(), "PNG", compress_level=0)]
    files += [save(corners(), "WEBP", lossless=True), save(corners(), "BMP")]
    same = {run(data)[0].pixel_sha256 for data in files}
    assert len(same) == 1
    assert hashes.pixel_sha256(Image.new("RGB", (8, 2))) != hashes.pixel_sha256(Image.new("RGB", (2, 8)))


def test_the_pixel_digest_in_stripes_is_the_digest_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = corners((123, 77))
    whole = hashes.pixel_sha256(image)
    monkeypatch.setattr(hashes, "_STRIPE_BYTES", 1000)
    assert hashes.pixel_sha256(image) == whole


def test_the_gate_lets_large_decodes_in_one_after_the_other() -> None:
    gate = PixelGate(max_pixels=100)
    inside, entered = threading.Event(), threading.Event()

    def second() -> None:
        inside.set()
        with gate.admit(60):
            entered.set()

    with gate.admit(60):
        thread = threading.Thread(target=second)
        thread.start()
        assert inside.wait(5)
        assert not entered.wait(0.05)
        with gate.admit(40):  # there is room for a small one
            pass
    assert entered.wait(5)
    thread.join(5)
    with gate.admit(1000):  # alone, any size passes
        pass
