"""The pictures of a gallery: small, bare of metadata, linked or within; and what is said of those that are lacking."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from evaluation.gallery import images
from evaluation.gallery.images import SIDE, default_how, pictures
from tests.evaluation.gallery.building import CT, data_of, gallery, ids_of, make_data, make_run

A, B, C = IDS = ids_of(3)
CONCEPTS = {i: [CT] for i in IDS}


def jpeg(uri: str) -> bytes:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return base64.b64decode(data)


def test_a_picture_is_small_and_holds_nothing_but_pixels(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", concepts=CONCEPTS)
    source = data / "images" / f"{A}.jpg"
    assert b"Jane Doe" in source.read_bytes()
    [uri] = pictures({A: (source,)}, "embed", beside=tmp_path / "page.html").shown[A]
    content = jpeg(uri)
    assert b"Jane Doe" not in content
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (SIDE, SIDE * 400 // 600) and not picture.getexif()


def test_views_stand_in_their_order_and_the_unreadable_are_named(tmp_path: Path) -> None:
    colours = [10, 120, 240]
    for level in colours:
        Image.new("L", (20, 20), level).save(tmp_path / f"{level}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    views = tuple(tmp_path / f"{level}.png" for level in colours)
    found = pictures({A: views, B: (tmp_path / "broken.png",), C: (tmp_path / "none.png",)}, "embed", beside=tmp_path)
    shown = [Image.open(io.BytesIO(jpeg(uri))).getpixel((5, 5)) for uri in found.shown[A]]
    assert [pixel[0] for pixel in shown if isinstance(pixel, tuple)] == colours
    assert set(found.unread) == {B, C} and "corrupt" in found.unread[B] and "missing" in found.unread[C]


@dataclass(frozen=True)
class Cell:
    """An image in a cell of a table."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


def test_links_are_relative_and_what_cannot_be_linked_is_within(tmp_path: Path) -> None:
    folder = tmp_path / "odd #1 'name'"
    folder.mkdir()
    for name in ("a b%.png", "javascript:alert(1).png", "c.tif"):
        Image.new("L", (9, 9)).save(folder / name)
    sources = (folder / "a b%.png", folder / "javascript:alert(1).png", folder / "c.tif", folder / "gone.png")
    cell = Cell((folder / "a b%.png").read_bytes())
    found = pictures({A: sources, B: (cell,)}, "link", beside=tmp_path / "pages" / "page.html")
    first, second, third = found.shown[A]
    assert first == "../odd%20%231%20%27name%27/a%20b%25.png"
    assert second == "../odd%20%231%20%27name%27/javascript%3Aalert%281%29.png"
    assert third.startswith("data:") and found.shown[B][0].startswith("data:")
    assert set(found.unread) == {A} and "gone.png" in found.unread[A]


def test_a_link_beside_the_page_cannot_be_a_scheme(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "javascript:alert(1).png")
    found = pictures({A: (tmp_path / "javascript:alert(1).png",)}, "link", beside=tmp_path / "page.html")
    assert found.shown[A] == ("javascript%3Aalert%281%29.png",)


def test_many_are_linked_unasked(tmp_path: Path) -> None:
    assert default_how({str(n): (tmp_path,) for n in range(images.MOST)}) == "embed"
    assert default_how({str(n): (tmp_path, tmp_path) for n in range(images.MOST)}) == "link"


def test_the_command_says_what_became_of_the_images(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", concepts=CONCEPTS)
    run = make_run(tmp_path / "run", dict.fromkeys(IDS, (CT,)), data)
    (data / "images" / f"{B}.jpg").write_bytes(b"")
    page = tmp_path / "page.html"
    done = gallery(run, "--out", page)
    assert done.exit_code == 0 and "2 pictures within it" in done.stdout
    found = data_of(page)
    assert found["cards"][1]["image"] is None and found["cards"][0]["image"]
    said = f"1 image cannot be shown, the first is of {B}: the image is empty (0 bytes)"
    assert said in found["notes"] and said in done.stderr
    assert "linked to" in gallery(run, "--out", page, "--images", "link").stdout
    assert data_of(page)["cards"][0]["image"] == f"data/images/{A}.jpg"
    assert "no pictures" in gallery(run, "--out", page, "--images", "none").stdout
    assert data_of(page)["cards"][0]["image"] is None


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", concepts={i: [CT] for i in ids_of(12)})
    run = make_run(tmp_path / "run", dict.fromkeys(ids_of(12), (CT,)), data)
    for name in ("one.html", "two.html"):
        assert gallery(run, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
