"""Embeddings on disk: resumed after kill -9, refused for another encoder, and failures without a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runners.embedding.config import Encoder
from runners.embedding.encoders import load_encoder
from runners.embedding.store import store_folder
from runners.embedding.views import views_of
from tasks.images import open_image
from tasks.nouns import Example, InputError
from tests.runners.embedding.making import embed, make_examples, make_onnx, picture


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return make_onnx(tmp_path / "tiny.onnx")


def test_rows_are_the_vectors_in_the_order_of_the_examples(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 7)[::-1]
    stored = embed(examples, graph, tmp_path / "store", batch_size=3)
    encoder = load_encoder(Encoder(name=str(graph)))
    expected = np.concatenate([encoder.embed(encoder.prepare(open_image(e.image))[None]) for e in examples])
    assert stored.embeddings.ids == tuple(e.image_id for e in examples) and not stored.failures
    assert stored.embeddings.vectors.dtype == np.float16 and isinstance(stored.embeddings.vectors, np.memmap)
    np.testing.assert_array_equal(stored.embeddings.vectors, expected.astype(np.float16))
    record = json.loads((tmp_path / "store" / "train.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["dimensions"] == 6 and record["identity"] == encoder.identity
    assert sorted(p.name for p in (tmp_path / "store").iterdir() if p.name != ".train.lock") == [
        "train.ids.txt",
        "train.json",
        "train.npy",
    ]


@pytest.mark.parametrize("size", [1, 4, 64])
def test_batch_size_changes_nothing(tmp_path: Path, graph: Path, size: int) -> None:
    examples = make_examples(tmp_path / "images", 10)
    one = embed(examples, graph, tmp_path / "one", batch_size=10)
    other = embed(examples, graph, tmp_path / "other", batch_size=size)
    np.testing.assert_allclose(one.embeddings.vectors, other.embeddings.vectors, rtol=2**-10)


def test_views_are_averaged(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 2)
    encoder = load_encoder(Encoder(name=str(graph)))
    for views, count in (("flip", 2), ("five", 5)):
        stored = embed(examples, graph, tmp_path / views, views=views)
        for row, example in enumerate(examples):
            looks = views_of(open_image(example.image), views)  # type: ignore[arg-type]
            assert len(looks) == count
            mean = encoder.embed(np.stack([encoder.prepare(look) for look in looks])).mean(axis=0)
            np.testing.assert_allclose(stored.embeddings.vectors[row], mean, rtol=2e-3, atol=1e-3)


def test_five_views_are_corners_and_centre() -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    looks = [np.asarray(view) for view in views_of(image, "five")]
    assert [look.shape for look in looks] == [(7, 7)] * 5
    assert [int(look[0, 0]) for look in looks] == [0, 1, 8, 9, 0]
    assert [view.size for view in views_of(Image.new("RGB", (1, 1)), "five")] == [(1, 1)] * 5
    mirrored = views_of(image, "flip")[1]
    np.testing.assert_array_equal(np.asarray(mirrored), np.asarray(image)[:, ::-1])


def test_an_image_that_cannot_be_read_has_a_reason_and_no_row(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 6)
    Path(str(examples[1].image)).write_bytes(b"")
    Path(str(examples[4].image)).unlink()
    stored = embed(examples, graph, tmp_path / "store", batch_size=2)
    assert stored.embeddings.ids == tuple(examples[n].image_id for n in (0, 2, 3, 5))
    assert list(stored.failures) == ["image_001", "image_004"]
    assert "empty" in stored.failures["image_001"] and "missing" in stored.failures["image_004"]
    assert "2 of 6 images of train have no vector, such as image_001" in (tmp_path / "said.txt").read_text()
    assert embed(examples, graph, tmp_path / "store").failures == stored.failures


class _Odd:
    """An encoder that cannot take bright images, and gives nothing for black ones."""

    name, identity, dimensions, network = "odd", "odd", 2, None

    def prepare(self, image: Image.Image) -> Any:
        return np.asarray(image.resize((2, 2)), np.float32).transpose(2, 0, 1)

    def embed(self, pixels: Any) -> Any:
        if pixels.max() > 250:
            raise RuntimeError("too bright")
        means = pixels.mean(axis=(2, 3))[:, :2]
        return np.where(means == 7, np.nan, np.where(means == 9, 1e6, means))


def test_an_error_never_becomes_a_vector(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runners.embedding.store.load_encoder", lambda config: _Odd())
    examples = []
    for grey in (100, 255, 0, 7, 9, 50):
        path = tmp_path / f"grey_{grey}.png"
        Image.new("L", (4, 4), grey).save(path)
        examples.append(Example(path.stem, path, "train"))
    stored = embed(examples, graph, tmp_path / "store")
    assert stored.embeddings.ids == ("grey_100", "grey_50")
    assert stored.failures["grey_255"] == "RuntimeError: too bright"
    assert {"NaN" in stored.failures[f"grey_{grey}"] for grey in (0, 7, 9)} == {True}


def test_no_image_at_all_is_an_error_and_leaves_nothing(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 2)
    for example in examples:
        Path(str(example.image)).write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 images of train could be embedded: image: the image is empty"):
        embed(examples, graph, tmp_path / "store")
    assert [p.name for p in (tmp_path / "store").iterdir()] == [".train.lock"]
    with pytest.raises(InputError, match="no images to embed"):
        embed([], graph, tmp_path / "store")


def test_a_finished_store_is_only_opened(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = make_examples(tmp_path / "images", 3)
    embed(examples, graph, tmp_path / "store")
    monkeypatch.setattr("runners.embedding.store.load_encoder", lambda config: pytest.fail("loaded again"))
    assert embed(examples, graph, tmp_path / "store", batch_size=1, device="cpu").embeddings.ids[2] == "image_002"


def test_another_encoder_is_refused_and_the_keys_named(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 3)
    embed(examples, graph, tmp_path / "store")
    before = (tmp_path / "store" / "train.npy").read_bytes()

    def refused(*words: str, graph: Path = graph, **config: Any) -> None:
        with pytest.raises(InputError) as caught:
            embed(examples, graph, tmp_path / "store", **config)
        keys = {line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:-1]}
        assert keys == set(words), str(caught.value)

    refused("views", views="flip")
    refused("preprocessing", mean=(0.5, 0.5, 0.5))
    refused("weights", graph=make_onnx(tmp_path / "other.onnx", batch=1))
    assert (tmp_path / "store" / "train.npy").read_bytes() == before


def test_other_images_are_refused(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 12)
    embed(examples, graph, tmp_path / "store")
    path = Path(str(examples[1].image))  # not one of those whose bytes are read
    before = path.read_bytes()
    picture(99, (200, 200)).save(path)
    with pytest.raises(InputError, match="1 images, such as image_001, are other files"):
        embed(examples, graph, tmp_path / "store")
    path.write_bytes(before)
    last = Path(str(examples[-1].image))
    last.write_bytes(last.read_bytes()[:-1] + b"?")  # the same size
    with pytest.raises(InputError, match="1 images, such as image_011, are other files"):
        embed(examples, graph, tmp_path / "store")


def test_embeddings_of_others_are_not_overwritten(tmp_path: Path, graph: Path) -> None:
    (tmp_path / "store").mkdir()
    np.save(tmp_path / "store" / "train.npy", np.ones((1, 2)))
    with pytest.raises(InputError, match="not written by this program"):
        embed(make_examples(tmp_path / "images", 2), graph, tmp_path / "store")


def test_damaged_files_are_named(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 3)
    embed(examples, graph, tmp_path / "store")
    (tmp_path / "store" / "train.ids.txt").write_text("image_000\n", encoding="utf-8")
    with pytest.raises(InputError, match="1 ids for 3 rows"):
        embed(examples, graph, tmp_path / "store")
    (tmp_path / "store" / "train.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"train.json is damaged: delete .*train.\*"):
        embed(examples, graph, tmp_path / "store")


def test_the_folder_is_shared_by_whoever_asks_for_the_same(graph: Path) -> None:
    def folder(**config: Any) -> Path:
        return store_folder("data/roco/", Encoder.model_validate({"name": str(graph), **config}))

    assert folder() == folder(batch_size=2) != folder(views="flip")
    assert folder().parent == Path("embeddings") and folder().name.startswith("roco-")
