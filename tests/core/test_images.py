"""The door for pictures, against shared/design's list of bad input (faults 1 to 9)."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import UserError


def encode(image, file_format, **options):
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def huge_png(side):
    """A PNG of side x side black pixels in a few kilobytes."""
    packed = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    body = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture
def photo():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("raw", [b"", b"I am no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.4", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])  # fmt: skip
def test_what_is_no_picture_is_refused_in_plain_words(raw, tmp_path):
    path = tmp_path / "secret-name.png"
    path.write_bytes(raw)
    with pytest.raises(UserError, match="not a picture the lab can read") as error:
        images.read(path)
    assert "secret-name" not in str(error.value)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_off_is_refused(photo, file_format):
    raw = encode(photo, file_format)
    with pytest.raises(UserError):
        images.read(raw[: len(raw) // 2])


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_small_file_of_many_megapixels_is_refused_before_decoding(side):
    import tracemalloc

    raw = huge_png(side)
    tracemalloc.start()
    with pytest.raises(UserError, match="pixels"):
        images.read(raw)
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


def test_orientation_is_applied(photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    read = images.read(encode(photo, "PNG", exif=exif)).image
    assert read.size == (40, 60)
    assert np.array_equal(np.asarray(read), np.asarray(photo.transpose(Image.Transpose.ROTATE_270)))


@pytest.mark.parametrize(("mode", "file_format"), [("CMYK", "JPEG"), ("LA", "PNG"), ("P", "PNG"), ("L", "BMP"), ("1", "PNG"), ("RGBA", "WEBP")])  # fmt: skip
def test_every_mode_becomes_rgb_of_like_brightness(mode, file_format):
    grey = Image.new("RGB", (32, 32), (200, 200, 200))
    read = images.read(encode(grey.convert(mode), file_format)).image
    assert read.mode == "RGB"
    assert np.asarray(read).mean() == pytest.approx(200, abs=60 if mode == "1" else 6)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    read = np.asarray(images.read(encode(Image.fromarray(ramp), "PNG")).image)[..., 0].ravel()
    assert read[32] == pytest.approx(129, abs=2)
    assert read[-1] == 255


def test_what_is_transparent_becomes_white():
    hidden = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert np.asarray(images.read(encode(hidden, "PNG")).image).min() == 255


def test_the_first_frame_of_an_animation_is_used_and_said(photo):
    second = Image.new("RGB", photo.size, "red")
    picture = images.read(encode(photo, "GIF", save_all=True, append_images=[second]))
    assert picture.note == "Only the first of 2 frames is used."
    assert abs(np.asarray(picture.image).astype(int) - np.asarray(photo)).mean() < 40


def test_tiny_pictures_pass_and_strips_are_refused():
    assert images.read(Image.new("RGB", (1, 1))).image.size == (1, 1)
    with pytest.raises(UserError, match="too thin"):
        images.read(Image.new("RGB", (1, 10_000)))


def test_a_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)
    with pytest.raises(UserError, match="larger than 20 MB"):
        images.read(path)


def test_equal_pixels_have_equal_keys_whatever_the_file(photo):
    keys = {images.pixel_key(images.read(encode(photo, kind)).image) for kind in ("PNG", "BMP")}
    assert keys == {images.pixel_key(photo)}
    assert images.pixel_key(photo) != images.pixel_key(photo.transpose(Image.Transpose.ROTATE_180))
    assert images.pixel_key(Image.new("RGB", (2, 8))) != images.pixel_key(Image.new("RGB", (8, 2)))
