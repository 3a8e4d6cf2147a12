"""An image within a page: a small JPEG as the text of its address.

jpeg_uri(Path("images/a.jpg"), side=384, quality=80)      # "data:image/jpeg;base64,/9j/4AAQ..."
"""

from __future__ import annotations

import base64
import io

from tasks.images import open_image
from tasks.nouns import ImageSource


def jpeg_uri(source: ImageSource, *, side: int, quality: int) -> str:
    """The image as a JPEG of `side` pixels at most, nothing of the file but its pixels; ImageError when unreadable."""
    picture = open_image(source)
    picture.info.clear()  # a comment in the file may name the patient
    picture.thumbnail((side, side))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
