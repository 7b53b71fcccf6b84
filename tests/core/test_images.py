# SPDX-License-Identifier: Apache-2.0

"""Reading images: the list of bad input, what is kept of large ones, and how much memory that takes."""

import io
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from core import images, pixels
from core.errors import Stopped, UserError
from core.fifo import FifoSemaphore
from tests.test_architecture import ROOT
from tests.waiting import until


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


def test_an_animation_cut_off_anywhere_gives_a_picture_or_a_plain_refusal(photo):
    """Pillow raises IndexError and struct.error, too, when it counts the frames of such a file."""
    frames = [photo.transpose(turn) for turn in Image.Transpose]
    raw = encode(photo, "GIF", save_all=True, append_images=frames, duration=50)
    read = 0
    for cut in range(0, len(raw), 7):
        try:
            assert images.read(raw[:cut]).image.size == photo.size
            read += 1
        except UserError as error:
            assert "picture" in str(error)  # noqa: PT017
    assert 0 < read < len(raw) // 7


@pytest.mark.parametrize("side", [None, 128])
@pytest.mark.parametrize(("mode", "file_format", "options"), [("RGB", "PNG", {}), ("RGB", "JPEG", {"quality": 95}), ("RGB", "JPEG", {"progressive": True}), ("P", "PNG", {}), ("P", "GIF", {}), ("L", "JPEG", {}), ("RGB", "WEBP", {}), ("CMYK", "JPEG", {})])  # fmt: skip
def test_a_large_picture_is_scaled_down_and_its_size_is_told(mode, file_format, options, side, monkeypatch):
    monkeypatch.setattr(images, "KEPT_PIXELS", 200 * 200)
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 5_000)  # many strips
    large = Image.radial_gradient("L").resize((1000, 500)).convert(mode)
    picture = images.read(encode(large, file_format, **options), side)
    assert picture.size == images.original_size(picture.image) == (1000, 500)
    assert picture.image.size == ((282, 141) if side is None else (128, 64))
    expected = np.asarray(large.convert("RGB").resize(picture.image.size, Image.Resampling.LANCZOS), float)
    assert np.abs(np.asarray(picture.image, float) - expected).mean() < 4


def test_what_is_small_enough_keeps_every_pixel(photo):
    picture = images.read(encode(photo, "PNG"))
    assert np.array_equal(np.asarray(picture.image), np.asarray(photo))
    assert picture.size == photo.size
    assert images.read(picture.image).image is picture.image, "what was read is not read again"


def test_the_size_that_is_told_is_that_of_the_upright_picture(photo, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = images.read(encode(photo.resize((600, 400)), "JPEG", exif=exif))
    assert turned.size == images.original_size(turned.image) == (400, 600)
    monkeypatch.setattr(images, "KEPT_PIXELS", 60 * 40)
    small = images.read(encode(photo.resize((600, 400)), "PNG", exif=exif))
    assert (small.size, small.image.size) == ((400, 600), (40, 60))
    upright = photo.transpose(Image.Transpose.ROTATE_270)
    assert np.abs(np.asarray(small.image, float) - np.asarray(upright)).mean() < 30
    assert images.original_size(images.read(small.image).image) == (400, 600)


def test_the_note_stays_with_the_picture(photo):
    animated = encode(photo, "GIF", save_all=True, append_images=[Image.new("RGB", photo.size, "red")])
    picture = images.read(animated)
    assert images.note(picture.image) == picture.note == images.read(picture.image).note
    assert images.note(images.read(encode(photo, "PNG")).image) == images.note(photo) == ""


def test_a_list_is_read_a_few_at_a_time(tmp_path, photo, monkeypatch):
    read, seen = images.read, []
    monkeypatch.setattr(images, "read", lambda source, stop: seen.append(source) or read(source))
    paths = [tmp_path / f"{n}.png" for n in range(10)]
    for path in paths[:9]:
        photo.save(path)
    paths[9].write_bytes(b"no picture")
    batches = images.read_batches(paths)
    assert seen == []
    assert len(next(batches)) == len(seen) == images.IMAGES_AT_ONCE
    assert len(next(batches)) == images.IMAGES_AT_ONCE
    with pytest.raises(UserError, match="Picture 10: This file is not a picture"):
        next(batches)


@pytest.fixture
def room(monkeypatch):
    """A bound of this test's own."""
    semaphore = FifoSemaphore(8 * 60 * 40)
    monkeypatch.setattr(images, "_decoding", semaphore)
    return semaphore


def test_as_many_are_decoded_at_once_as_there_is_room_for(room, photo, monkeypatch):
    raw, inside, most, go_on = encode(photo, "PNG"), [], [], threading.Event()
    normalise = images.upright_rgb

    def slowly(image, target):
        inside.append(1)
        most.append(len(inside))
        go_on.wait(15)
        inside.pop()
        return normalise(image, target)

    monkeypatch.setattr(images, "upright_rgb", slowly)
    threads = [threading.Thread(target=images.read, args=(raw,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: room.waiting == 3)
    go_on.set()
    for thread in threads:
        thread.join(15)
    assert most == [1, 1, 1, 1]
    assert room.free == 8 * 60 * 40


def test_who_waits_for_room_can_stop_and_one_that_is_too_large_comes_alone(room, photo):
    stop = threading.Event()
    stop.set()
    with room, pytest.raises(Stopped):
        images.read(encode(photo, "PNG"), stop=stop)
    assert images.read(encode(photo.resize((90, 80)), "PNG")).size == (90, 80)


def test_room_is_given_back_by_a_damaged_one(room, photo):
    raw = encode(photo, "PNG")
    for cut in (len(raw) // 2, len(raw) // 3):
        with pytest.raises(UserError, match="damaged"):
            images.read(raw[:cut])
    assert (room.free, room.waiting) == (8 * 60 * 40, 0)


def test_decoders_are_there_before_the_first_picture():
    """Pillow would import them at its first use, in whichever threads come first."""
    code = "from core.images import FORMATS; from PIL import Image; print(sorted(set(FORMATS) - set(Image.OPEN)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
