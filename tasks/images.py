"""Any radiology image file -> an RGB picture of 8 bits, or an `ImageError` that says why not.

What is defined, so that the same file gives the same pixels on every machine:

* orientation: the EXIF tag is applied; several frames or pages: the first one
* 1, L, P, YCbCr, CMYK: converted by Pillow (Adobe's inverted CMYK included)
* transparency (RGBA, LA, PA, P or L with a transparent colour): composited on black, the background
  of most radiographs
* 16 and 32 bits, float: windowed to 8 bits between the percentiles 0.5 and 99.5 (the whole range when
  these are equal), as a viewer opens a file that names no window
* DICOM: rescale, then the first VOI LUT or window, else the percentiles; MONOCHROME1 inverted
* empty, corrupt, truncated, unknown, or above 89,478,485 pixels (Pillow's own warning level):
  `ImageError`, nothing half decoded

Formats: the raster formats below; PostScript and the like, which need an interpreter, are refused.
The DICOM rules are those of PS3.3 C.7.6.3, C.11.1, C.11.2, as implemented by pydicom.

    open_image(Path("test/images/ImageCLEFmedical_Caption_2026_test_0.jpg")).size    # (256, 256)
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.nouns import ImageSource

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Pixels = npt.NDArray[np.float64]

MAX_PIXELS = 89_478_485
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "JPEG2000", "PPM")


class ImageError(Exception):
    """The image cannot be used; the message is the reason."""


class ImageMissing(ImageError):
    """There is no such file."""


def open_image(source: ImageSource) -> Image.Image:
    """The picture in `source`, RGB and fully loaded."""
    return decode(encoded(source))


def encoded(source: ImageSource) -> bytes:
    """The bytes of the image file, with ImageError in the place of OSError."""
    try:
        return source.read_bytes()
    except FileNotFoundError as error:
        raise ImageMissing(f"the image is missing: {error.filename or error}") from error
    except OSError as error:
        raise ImageError(f"the image cannot be read: {error}") from error


def decode(data: bytes) -> Image.Image:
    """The picture in the bytes of an image file, RGB and fully loaded."""
    if not data:
        raise ImageError("the image is empty (0 bytes)")
    try:
        return _dicom(data) if _is_dicom(data) else _raster(data)
    except ImageError:
        raise
    # Decoders meet hostile bytes here and raise nearly anything (struct.error, KeyError, ...).
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"the image is corrupt or truncated: {reason}") from error


def stored_mode(data: bytes) -> str:
    """How the file stores its pixels: Pillow's name of the mode, or DICOM; nothing is decoded."""
    return "DICOM" if _is_dicom(data) else _header(data).mode


def stored_size(source: ImageSource) -> tuple[int, int]:
    """Width and height of the image in `source`, as its header says; (1, 1) when it cannot be read.

    A file on disk is read only as far as its header goes. An orientation tag is not looked at.
    """
    from PIL import Image

    try:
        if isinstance(source, Path):
            with Image.open(source, formats=FORMATS) as image:
                return image.size
        return _header(encoded(source)).size
    except Exception:  # noqa: BLE001 - DICOM, which Pillow does not know, or one of the many ways to be corrupt
        try:
            return open_image(source).size
        except ImageError:
            return 1, 1


def _is_dicom(data: bytes) -> bool:
    return data[128:132] == b"DICM"


def _header(data: bytes) -> Image.Image:
    """The image, its pixels not decoded yet, its size within the limit."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError("the image is corrupt, or in no known image format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"the image is too large, a decompression bomb? {error}") from error
    _limit(*image.size)
    return image


def _limit(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the image is too large, a decompression bomb? {width} x {height} pixels, at most {MAX_PIXELS:,}"
        )


def _raster(data: bytes) -> Image.Image:
    from PIL import Image, ImageOps

    image = _header(data)
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _grey(_windowed(_pixels(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("RGB")


def _pixels(image: Any) -> Pixels:
    import numpy as np

    return np.asarray(image, dtype=np.float64)


def _windowed(pixels: Pixels) -> Pixels:
    """Values scaled to 0..1 between their percentiles 0.5 and 99.5; NaN counts as the lowest value."""
    import numpy as np

    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return np.zeros_like(pixels)
    low, high = np.percentile(finite, (0.5, 99.5))
    if low == high:
        low, high = finite.min(), finite.max()
    return _scaled(np.nan_to_num(pixels, nan=low, posinf=high, neginf=low), float(low), float(high))


def _scaled(pixels: Pixels, low: float, high: float) -> Pixels:
    return ((pixels - low) / max(high - low, 1e-12)).clip(0.0, 1.0)


def _grey(pixels: Pixels) -> Image.Image:
    import numpy as np
    from PIL import Image

    return Image.fromarray((pixels * 255.0).round().astype(np.uint8)).convert("RGB")


def _dicom(data: bytes) -> Image.Image:
    try:
        import pydicom
        from pydicom.pixels import apply_modality_lut, pixel_array
    except ImportError as error:
        raise ImageError("a DICOM file needs pydicom; to install: pip install pydicom") from error
    import numpy as np
    from PIL import Image

    dataset = pydicom.dcmread(io.BytesIO(data))
    if "PixelData" not in dataset:
        raise ImageError("the DICOM file holds no image (no PixelData)")
    _limit(int(dataset.Columns), int(dataset.Rows))
    pixels = pixel_array(dataset, index=0)
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        pixels = pydicom.pixels.apply_color_lut(pixels, dataset)
    if pixels.ndim == 3:
        depth = 16 if pixels.dtype.itemsize == 2 else int(dataset.BitsStored)
        colour = _scaled(_pixels(pixels), 0.0, 2.0**depth - 1)
        return Image.fromarray((colour * 255.0).round().astype(np.uint8)).convert("RGB")
    shades = _voi(apply_modality_lut(pixels, dataset), dataset)
    return _grey(1.0 - shades if photometric == "MONOCHROME1" else shades)


def _voi(pixels: Any, dataset: Any) -> Pixels:
    """The values of interest scaled to 0..1: the file's first LUT or window, else the percentiles."""
    import numpy as np
    from pydicom.pixels import apply_voi, apply_windowing

    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return _scaled(_pixels(apply_voi(pixels, dataset)), 0.0, 2.0**bits - 1)
    if "WindowCenter" not in dataset or "WindowWidth" not in dataset:
        return _windowed(_pixels(pixels))
    # The window's own ends, so that an image that does not fill its window is not stretched.
    low, high = apply_windowing(np.array([-1e9, 1e9]), dataset)
    return _scaled(_pixels(apply_windowing(pixels, dataset)), float(low), float(high))
