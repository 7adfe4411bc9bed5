import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.errors import UnreadableImage
from app.vision.decoding import MAX_SCANS, SUFFIXES, decode, is_photo_file
from tests import videos
from tests.photos import ORIENTATIONS, encode

COLORS = [[[200, 30, 30], [30, 200, 30], [30, 30, 200]], [[20, 20, 20], [230, 230, 230], [200, 200, 30]]]
SQUARES = np.kron(np.array(COLORS, np.uint8), np.ones((32, 32, 1), np.uint8))
"""Six squares of flat color, 96 x 64: every turn of it looks different."""


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(SQUARES)


def squares(pixels: np.ndarray) -> np.ndarray:
    """The color in the middle of every square, where no compression reaches."""
    return pixels[16::32, 16::32].astype(int)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("MPO", {"quality": 95}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("AVIF", {"quality": 95}),
        ("HEIF", {"quality": 95}),
    ],
)
def test_every_format_is_read(picture, kind, options):
    found = decode(encode(picture, kind, **options))
    assert (found.width, found.height) == (96, 64)
    assert found.pixels.dtype == np.uint8
    np.testing.assert_allclose(squares(found.pixels), squares(SQUARES), atol=12)


@pytest.mark.parametrize("kind", ["MPO", "GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_read(picture, kind):
    data = encode(picture, kind, save_all=True, append_images=[ImageOps.invert(picture)])
    np.testing.assert_allclose(squares(decode(data).pixels), squares(SQUARES), atol=40)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("JPEG", {})])
def test_every_orientation_gives_the_same_pixels(picture, orientation, kind, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = picture if ORIENTATIONS[orientation] is None else picture.transpose(ORIENTATIONS[orientation])
    found = decode(encode(lying, kind, exif=exif, **options)).pixels
    assert found.shape == SQUARES.shape
    np.testing.assert_allclose(squares(found), squares(SQUARES), atol=12 if kind == "JPEG" else 0)


def test_an_impossible_orientation_is_ignored(picture):
    exif = Image.Exif()
    exif[0x0112] = 99
    np.testing.assert_array_equal(decode(encode(picture, "PNG", exif=exif)).pixels, SQUARES)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(kind):
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) << 8
    found = decode(encode(Image.fromarray(ramp), kind)).pixels
    np.testing.assert_array_equal(found, np.repeat((ramp >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize("values", [np.float32, np.int32])
def test_float_and_integer_pictures_are_stretched_to_their_own_range(values):
    ramp = (np.arange(256).reshape(16, 16) * 4 - 500).astype(values)
    found = decode(encode(Image.fromarray(ramp), "TIFF")).pixels
    np.testing.assert_array_equal(found[..., 0], np.arange(256).reshape(16, 16))


def test_palette_bilevel_gray_and_cmyk_are_read(picture):
    palette = decode(encode(picture.quantize(8), "PNG")).pixels
    np.testing.assert_allclose(squares(palette), squares(SQUARES), atol=3)
    cmyk = decode(encode(picture.convert("CMYK"), "JPEG", quality=95)).pixels
    np.testing.assert_allclose(squares(cmyk), squares(SQUARES), atol=12)
    gray = np.asarray(picture.convert("L"))
    np.testing.assert_array_equal(decode(encode(picture.convert("L"), "PNG")).pixels[..., 1], gray)
    bilevel = decode(encode(picture.convert("1", dither=Image.Dither.NONE), "PNG")).pixels
    np.testing.assert_array_equal(bilevel[..., 2], np.where(gray >= 128, 255, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode):
    image = Image.new(mode, (8, 4), 0)
    image.putalpha(Image.fromarray(np.repeat(np.array([[0] * 4 + [255] * 4], np.uint8), 4, axis=0)))
    found = decode(encode(image, "PNG")).pixels
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == 0).all()


def test_a_transparent_palette_color_becomes_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 1)
    found = decode(encode(image, "GIF", transparency=0)).pixels
    assert found[0, 0].tolist() == [255, 0, 0]
    assert (found[1:] == 255).all()


def refusal(data: bytes, **options) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        decode(data, **options)
    return caught.value


def test_an_empty_file_says_so():
    error = refusal(b"")
    assert (error.code, str(error)) == ("empty", "The file is empty. Choose another one.")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_a_cut_off_file_is_refused(picture, kind):
    data = encode(picture, kind)
    assert refusal(data[: len(data) * 2 // 3]).code == "unreadable"


@pytest.mark.parametrize(
    "data", [b"Dear diary, today no picture.", b"\0" * 1000, b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"<svg/>"]
)
def test_what_is_no_picture_is_refused_with_the_formats(data):
    error = refusal(data)
    assert error.code == "unreadable"
    assert "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC" in str(error)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PDF", "EPS"])
def test_other_formats_never_reach_their_decoder(picture, kind):
    assert refusal(encode(picture, kind)).code == "unreadable"


def test_too_many_pixels_are_refused_before_decoding(picture):
    error = refusal(encode(picture, "PNG"), max_pixels=96 * 64 - 1)
    assert error.code == "too_many_pixels"
    assert str(error).startswith("The photo is 0.006144 megapixels. The limit is 0.006143.")
    assert decode(encode(picture, "PNG"), max_pixels=96 * 64).width == 96


def test_a_header_that_promises_a_bomb_is_refused_at_once():
    data = io.BytesIO()
    Image.new("1", (12000, 12000)).save(data, "PNG")
    assert refusal(data.getvalue()).code == "too_many_pixels"


SCANS = b"\xff\xda" * (MAX_SCANS + 1)
"""Bytes that look like the beginnings of scans."""


@pytest.mark.parametrize("options", [{"exif": b"Exif\0\0II*\0" + SCANS}, {"comment": SCANS}, {"progressive": True}])
def test_only_scans_of_the_image_are_counted(picture, options):
    # A motion photo has a video behind the image.
    assert decode(encode(picture, "JPEG", **options) + SCANS).width == 96


@pytest.mark.parametrize("before", [b"", b"\xff\xd0", b"\xff\x02\xff\xff", b"\xff" * 99, b"\xff\xfe\0\0"])
def test_no_marker_hides_the_scans_of_an_image(picture, before):
    data = encode(picture, "JPEG", progressive=True)
    scan = before + data[data.rindex(b"\xff\xda") : -2]
    assert refusal(data[:-2] + scan * MAX_SCANS + b"\xff\xd9").code == "too_complex"


def test_the_limit_may_exceed_that_of_pillow(picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode(encode(picture, "PNG"), max_pixels=10_000).width == 96


@pytest.mark.parametrize("tags", [{0xC612: b"\1\4\0\0"}, {0xFE: 1}])
def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_photo(picture, tags):
    error = refusal(encode(picture, "TIFF", tiffinfo=tags))
    assert (error.code, str(error)) == ("raw_file", "RAW files are not supported. Export a JPEG, and use that.")


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_video_is_called_so(picture, suffix):
    error = refusal(videos.encode([picture], suffix))
    assert (error.code, str(error).split(". ")[:2]) == ("video_file", ["The file is a video", "Send a photo"])


def test_file_names_that_look_like_pictures(tmp_path):
    for name in ("a.jpg", "b.HEIC", "c.txt", ".d.jpg", "e"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert sorted(path.name for path in tmp_path.iterdir() if is_photo_file(path)) == ["a.jpg", "b.HEIC"]
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
