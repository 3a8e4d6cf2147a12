"""Every kind of image file has a defined outcome: a given RGB picture, or an ImageError with its reason."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.images import ImageError, decode, open_image


@dataclass(frozen=True)
class Memory:
    """An image source of bytes."""

    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def values(data: bytes) -> list[list[int]]:
    """The red channel, rows of pixels."""
    return np.asarray(decode(data))[:, :, 0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("P", "GIF"), ("RGB", "JPEG"), ("RGBA", "PNG"),
        ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "JPEG"), ("RGB", "BMP"), ("I", "TIFF"),
        ("F", "TIFF"), ("I;16", "PNG"), ("RGB", "PPM"), ("RGB", "JPEG2000"), ("LAB", "TIFF"),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode: str, form: str) -> None:
    image = picture("L").convert("I;16") if mode == "I;16" else picture(mode)
    found = open_image(Memory(encoded(image, form)))
    assert (found.mode, found.size) == ("RGB", (40, 30))


def test_transparency_is_composited_on_black() -> None:
    image = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    image.putpixel((1, 0), (200, 100, 50, 255))
    found = decode(encoded(image))
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (200, 100, 50)]


def test_transparent_palette_colour_is_black() -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([10, 20, 30, 200, 210, 220])
    image.putpixel((0, 0), 0)
    found = decode(encoded(image, transparency=1))
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (0, 0, 0)]


def test_16_bits_are_windowed_between_percentiles() -> None:
    ramp = np.linspace(1000, 3000, 10_000).astype(np.uint16).reshape(100, 100)
    ramp[0, 0] = 65_535  # one hot pixel must not darken the rest
    found = np.asarray(decode(encoded(Image.fromarray(ramp))))[:, :, 0]
    assert (int(found[50, 0]), int(found[1, 0]), int(found[99, 99])) == (128, 1, 255)


def test_16_bits_mostly_black_keep_their_bright_spot() -> None:
    dark = np.zeros((100, 100), np.uint16)
    dark[3, 4] = 900
    found = np.asarray(decode(encoded(Image.fromarray(dark))))[:, :, 0]
    assert (int(found[3, 4]), int(found[0, 0])) == (255, 0)


def test_constant_16_bits_and_nan_are_black() -> None:
    assert values(encoded(Image.fromarray(np.full((2, 2), 700, np.uint16)))) == [[0, 0], [0, 0]]
    assert values(encoded(Image.fromarray(np.full((2, 2), np.nan, np.float32)), "TIFF")) == [[0, 0], [0, 0]]


def test_first_frame_is_taken() -> None:
    first, second = Image.new("L", (3, 3), 50), Image.new("L", (3, 3), 200)
    for form in ("GIF", "TIFF", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = encoded(first, form, save_all=True, append_images=[second], **options)
        assert values(data)[0][0] == 50, form


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(picture(), "JPEG", exif=exif)).size == (30, 40)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_is_an_error(form: str, share: float) -> None:
    data = encoded(picture(size=(200, 200)), form)
    with pytest.raises(ImageError, match="corrupt"):
        decode(data[: int(len(data) * share)])


def test_empty_unknown_and_missing_have_their_reasons(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="0 bytes"):
        decode(b"")
    with pytest.raises(ImageError, match="no known image format"):
        decode(b"<html>not found</html>")
    with pytest.raises(ImageError, match="no known image format"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(ImageError, match=r"missing: .*gone\.jpg"):
        open_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="cannot be read"):
        open_image(tmp_path)


def bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 30_000])
def test_decompression_bomb_is_refused_before_decoding(side: int) -> None:
    with pytest.raises(ImageError, match="bomb"):
        decode(bomb(side, side))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]), st.integers(0, 400), st.binary(max_size=8))
def test_damaged_bytes_give_a_picture_or_an_image_error(form: str, place: int, noise: bytes) -> None:
    data = encoded(picture(), form)
    damaged = data[:place] + noise + data[place + len(noise) :]
    try:
        assert decode(damaged).mode == "RGB"
    except ImageError as error:
        assert str(error)


def dicom(pixels: Any, *, photometric: str = "MONOCHROME2", **attributes: Any) -> bytes:
    """A DICOM file of these pixels, 16 bits or RGB of 8."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    data = pydicom.Dataset()
    data.file_meta = meta
    bits = 8 * pixels.dtype.itemsize
    colour = photometric == "RGB"
    frames = pixels.shape[0] if pixels.ndim == 3 and not colour else None
    rows, columns = pixels.shape[:2] if frames is None else pixels.shape[1:]
    data.Rows, data.Columns, data.BitsAllocated, data.BitsStored, data.HighBit = rows, columns, bits, bits, bits - 1
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    data.PhotometricInterpretation = photometric
    if frames:
        data.NumberOfFrames = frames
    data.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(data, name, value)
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


def test_dicom_window_after_rescale() -> None:
    stored = np.array([[0, 1024, 1064, 1104, 4000]], np.uint16)
    data = dicom(stored, RescaleIntercept=-1024, RescaleSlope=1, WindowCenter=[40, 600], WindowWidth=[80, 1600])
    assert values(data) == [[0, 0, 129, 255, 255]]  # Hounsfield -1024, 0, 40, 80, 2976


def test_dicom_window_wider_than_the_image_does_not_stretch_it() -> None:
    data = dicom(np.array([[100, 200]], np.uint16), WindowCenter=500, WindowWidth=1000)
    assert values(data) == [[26, 51]]


def test_dicom_without_window_and_inverted() -> None:
    stored = np.array([[-100, 0, 100]], np.int16)
    assert values(dicom(stored)) == [[0, 128, 255]]
    assert values(dicom(stored, photometric="MONOCHROME1")) == [[255, 128, 0]]


def test_dicom_first_frame_and_colour() -> None:
    frames = np.stack([np.array([[0, 10]], np.uint16), np.array([[10, 0]], np.uint16)])
    assert values(dicom(frames)) == [[0, 255]]
    colour = np.array([[[250, 1, 2], [3, 4, 5]]], np.uint8)
    assert decode(dicom(colour, photometric="RGB")).getpixel((0, 0)) == (250, 1, 2)


def test_dicom_truncated_and_without_pixels() -> None:
    data = dicom(np.zeros((50, 50), np.uint16))
    with pytest.raises(ImageError, match="corrupt"):
        decode(data[:-2000])
    with pytest.raises(ImageError, match="bomb"):
        decode(dicom(np.zeros((2, 2), np.uint16), Rows=30_000, Columns=30_000))


def test_dicom_without_pydicom_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom(np.zeros((2, 2), np.uint16))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ImageError, match="pip install pydicom"):
        decode(data)
