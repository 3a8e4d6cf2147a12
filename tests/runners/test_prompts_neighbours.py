"""Neighbours: the nearest training images, deterministic, never the image itself, and their answers in a prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.checkpoints import cache_folder
from runners.config import Neighbours, Prompt
from runners.embedding.store import read_embeddings
from runners.prompts import neighbours, prompts_of
from runners.prompts.neighbours import find_neighbours, nearest
from tasks.concepts import Vocabulary
from tasks.nouns import Example, InputError, Task


def write(folder: Path, split: str, vectors: object, ids: list[str], dtype: type = np.float32) -> None:
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{split}.npy", np.asarray(vectors, dtype=dtype))
    (folder / f"{split}.ids.txt").write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")


def found(folder: Path, ids: list[str], count: int = 2) -> list[list[str]]:
    pool = read_embeddings(folder, "train")
    near = nearest(pool, read_embeddings(folder, "test"), ids, count=count)
    return [[pool.ids[row] for row in rows] for rows in near.rows]


def test_never_the_image_itself(tmp_path: Path) -> None:
    write(tmp_path, "train", [[1, 0], [2, 0], [1, 0.1], [0, 1]], ["same-id", "copy", "near", "far"])
    write(tmp_path, "test", [[1, 0], [1, 0.2]], ["q", "same-id"])
    # `same-id` and `copy` have q's vector: they are q under another name.
    assert found(tmp_path, ["q"]) == [["near", "far"]]
    # The id's vector differs here; it is left out all the same.
    assert found(tmp_path, ["same-id"], count=3) == [["near", "copy", "far"]]
    with pytest.raises(InputError, match=r"fewer than 3 other images: .*prompt\.neighbours\.count"):
        found(tmp_path, ["q"], count=3)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_row_without_a_direction_is_named(tmp_path: Path, value: float) -> None:
    write(tmp_path, "test", [[1, 0]], ["q"])
    write(tmp_path, "train", [[1, 0], [value, 0], [0, 1]], ["a", "b", "c"])
    with pytest.raises(InputError, match=r"train\.npy: the row of b holds NaN"):
        found(tmp_path, ["q"])
    write(tmp_path, "train", [[1, 0], [0, 1]], ["a", "b"])
    write(tmp_path, "test", [[0, 1], [value, 0]], ["p", "q"])
    with pytest.raises(InputError, match=r"test\.npy: the row of q holds"):
        found(tmp_path, ["q"])
    assert found(tmp_path, ["p"], count=1) == [["a"]]


def test_a_search_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path, "train", [[1, 0], [0.9, 0.2], [0, 1]], ["a", "b", "c"])
    write(tmp_path, "test", [[1, 0.01], [0, 1.5]], ["p", "q"])
    before = found(tmp_path, ["p", "q"])
    assert before == [["a", "b"], ["b", "a"]]  # c is q under another name
    [kept] = (cache_folder() / "neighbours").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(neighbours, "search", None)
        assert found(tmp_path, ["p", "q"]) == before
        with pytest.raises(TypeError):
            found(tmp_path, ["q", "p"])
    kept.write_bytes(kept.read_bytes()[:100])
    assert found(tmp_path, ["p", "q"]) == before
    write(tmp_path, "test", [[1, 0.01], [0, 1.5]], ["q", "p"])
    assert found(tmp_path, ["p", "q"]) == [["b", "a"], ["a", "b"]]
    write(tmp_path, "test", [[1, 0.01], [0, 1.5]], ["p", "q"])
    write(tmp_path, "train", [[1, 0], [0.9, 0.2], [0, 1]], ["x", "b", "c"])
    assert found(tmp_path, ["p", "q"]) == [["x", "b"], ["b", "x"]]
    write(tmp_path, "train", [[0, 1], [0.9, 0.2], [1, 0]], ["x", "b", "c"])
    assert found(tmp_path, ["p", "q"]) == [["c", "b"], ["b", "c"]]


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path, "train", [[1, 0], [0.9, 0.2]], ["a", "b"])
    write(tmp_path, "test", [[1, 0.01]], ["q"])
    assert found(tmp_path, ["q"]) == [["a", "b"]]


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    write(tmp_path, "test", [[1, 0]], ["q"])
    with pytest.raises(InputError, match=r"train\.npy cannot be read .*train\.ids\.txt"):
        found(tmp_path, ["q"])
    write(tmp_path, "train", [[1, 0, 0], [0, 1, 0]], ["a", "b"])
    with pytest.raises(InputError, match=r"3 dimensions, .* 2: embed both"):
        found(tmp_path, ["q"])
    write(tmp_path, "train", [[1, 0], [0, 1]], ["a"])
    with pytest.raises(InputError, match="1 ids for 2 rows"):
        found(tmp_path, ["q"])
    write(tmp_path, "train", [[1, 0], [0, 1]], ["a", "a"])
    with pytest.raises(InputError, match="'a' stands twice"):
        found(tmp_path, ["q"])
    write(tmp_path, "train", [[1, 0], [0, 1]], ["a", "b"])
    with pytest.raises(InputError, match=r"no embedding of 1 images, such as r"):
        found(tmp_path, ["q", "r"])


@pytest.mark.parametrize("content", [b"", b"no numpy file", b"\x93NUMPY\x01\x00v\x00{'descr'", None])
def test_a_file_that_is_no_table_of_numbers(tmp_path: Path, content: bytes | None) -> None:
    write(tmp_path, "train", [[1, 0]], ["a"])
    if content is None:
        np.save(tmp_path / "train.npy", np.array([{"pickle": 1}], dtype=object), allow_pickle=True)
    else:
        (tmp_path / "train.npy").write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_embeddings(tmp_path, "train")


@pytest.mark.parametrize("vectors", [[1.0, 2.0], [[[1.0]]], [["a"]], [[1, 2]], np.empty((0, 4))])
def test_another_table_is_refused(tmp_path: Path, vectors: object) -> None:
    np.save(tmp_path / "train.npy", np.asarray(vectors))
    (tmp_path / "train.ids.txt").write_text("a\n", encoding="utf-8")
    with pytest.raises(InputError, match="images x dimensions, of float16 or float32"):
        read_embeddings(tmp_path, "train")


def test_ids_that_are_no_text_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train", [[1, 0]], ["a"])
    (tmp_path / "train.ids.txt").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match=r"train\.ids\.txt is damaged"):
        read_embeddings(tmp_path, "train")


TRAIN = [f"ImageCLEFmedical_Caption_2026_train_{n}" for n in range(3)]
ASKED = [Example("q0", Path("x"), "test"), Example("q1", Path("y"), "test")]
VOCABULARY = Vocabulary({"C0817096": ("Chest",), "C0040405": ("X-Ray Computed Tomography",)})


def training(folder: Path) -> Neighbours:
    """Three training images with captions, concepts and reports, and the embeddings of them and of two others."""
    for name, column, cells in (
        ("dev_caption/captions.csv", "Caption", ["First\nline.", "Second, too.", "Third {{ image_id }}."]),
        ("dev_concept/concepts.csv", "CUIs", ["C0817096;C0040405", "C0817096", ""]),
    ):
        path = folder / name
        (path.parent / "images").mkdir(parents=True)
        for image_id in TRAIN:
            (path.parent / "images" / f"{image_id}.png").write_bytes(b"")
        rows = "".join(f'{i},"{cell}"\n' for i, cell in zip(TRAIN, cells, strict=True))
        path.write_text(f"ID,{column}\n{rows}", encoding="utf-8")
    write(folder / "emb", "train", [[1, 0], [0.9, 0.2], [0, 1]], TRAIN)
    write(folder / "emb", "test", [[0.99, 0.01], [0.1, 1]], ["q0", "q1"])
    emb = str(folder / "emb")
    return Neighbours(data=str(folder), embeddings=emb, asked=emb, count=2)


def test_the_prompt_shows_the_answers_of_the_neighbours(tmp_path: Path) -> None:
    near = training(tmp_path)
    prompt = Prompt(name="caption_neighbours", neighbours=near)
    first, second = prompts_of(prompt, ASKED, task=Task.CAPTIONS, vocabulary=None)
    assert "look like it:\n- First line.\n- Second, too.\nWrite only" in first
    assert "- Third {{ image_id }}.\n- Second, too.\n" in second
    concepts = Prompt(name="concepts_neighbours", neighbours=near, language="es")
    first, second = prompts_of(concepts, ASKED, task=Task.CONCEPTS, vocabulary=VOCABULARY)
    assert "- Chest; X-Ray Computed Tomography\n- Chest\nEscribe" in first
    each = "{{ n.image_id[-1] }} {{ '%.2f' % n.similarity }} {{ n.concepts }},"
    text = f"{{{{ neighbours }}}}|{{% for n in neighbours %}}{each}{{% endfor %}}"
    shown = prompts_of(Prompt(text=text, neighbours=near), ASKED, task=Task.CAPTIONS, vocabulary=VOCABULARY)
    assert shown[0] == "First line.\nSecond, too.|0 1.00 Chest; X-Ray Computed Tomography,1 0.98 Chest,"


def test_reports_of_neighbours_have_their_headings(tmp_path: Path) -> None:
    folder = tmp_path / "dev_report"
    (folder / "images").mkdir(parents=True)
    for image_id in TRAIN:
        (folder / "images" / f"{image_id}.png").write_bytes(b"")
    rows = "".join(f"{i},Clear {n}.,Normal {n}.\n" for n, i in enumerate(TRAIN))
    (folder / "reports.csv").write_text(f"ID,Findings,Impression\n{rows}", encoding="utf-8")
    write(tmp_path / "emb", "train", [[1, 0], [0.9, 0.2], [0, 1]], TRAIN)
    write(tmp_path / "emb", "test", [[0.99, 0.01], [0.1, 1]], ["q0", "q1"])
    emb = str(tmp_path / "emb")
    near = Neighbours(data=str(tmp_path), embeddings=emb, asked=emb, count=2)
    prompt = Prompt(name="report_neighbours", neighbours=near)
    first, _ = prompts_of(prompt, ASKED, task=Task.REPORTS, vocabulary=None)
    blocks = first.split("\n\n")
    assert blocks[1:3] == ["Findings: Clear 0.\nImpression: Normal 0.", "Findings: Clear 1.\nImpression: Normal 1."]
    with pytest.raises(InputError, match="caption_prediction"):
        text = Prompt(text="{% for n in neighbours %}{{ n.caption }}{% endfor %}", neighbours=near)
        prompts_of(text, ASKED, task=Task.REPORTS, vocabulary=None)


def test_an_embedding_without_an_answer_is_refused(tmp_path: Path) -> None:
    near = training(tmp_path)
    write(tmp_path / "emb", "train", [[1, 0], [0.9, 0.2], [0, 1]], [*TRAIN[:2], "stranger"])
    prompt = Prompt(name="caption_neighbours", neighbours=near)
    with pytest.raises(InputError, match=r"no answer of caption_prediction for stranger"):
        prompts_of(prompt, ASKED, task=Task.CAPTIONS, vocabulary=None)
    with pytest.raises(InputError, match="does not exist"):
        gone = near.model_copy(update={"data": str(tmp_path / "gone")})
        find_neighbours(gone, ASKED, task=Task.CAPTIONS, vocabulary=None)
