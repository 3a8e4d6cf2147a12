"""Embeddings that are stopped and go on, or grow: kill -9, a full disk, new and mended images, two processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.embedding.loop import vectors_of
from runners.embedding.store import Stored, read_embeddings
from tests.runners.embedding.making import embed, make_examples, make_onnx

ROOT = Path(__file__).parents[3]
COUNT = 120
KILLS = 5


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return make_onnx(tmp_path / "tiny.onnx")


def test_images_that_are_not_there_yet_are_added(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = make_examples(tmp_path / "images", 12)
    whole = embed(examples, graph, tmp_path / "whole").embeddings
    embed(examples[4:9], graph, tmp_path / "store")
    seen: list[str] = []
    original = vectors_of

    def watched(left: Any, *others: Any) -> Any:
        seen.extend(example.image_id for example in left)
        return original(left, *others)

    monkeypatch.setattr("runners.embedding.store.vectors_of", watched)
    added = embed(examples, graph, tmp_path / "store").embeddings
    assert added.ids == whole.ids and seen == [e.image_id for e in (*examples[:4], *examples[9:])]
    np.testing.assert_array_equal(added.vectors, whole.vectors)
    some = embed(examples[6:8], graph, tmp_path / "store").embeddings
    assert some.ids == ("image_006", "image_007") and isinstance(some.vectors, np.memmap)
    np.testing.assert_array_equal(some.vectors, whole.vectors[6:8])
    assert len(seen) == 7


def test_a_stop_while_images_are_added_loses_nothing(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = make_examples(tmp_path / "images", 9)
    embed(examples[:3], graph, tmp_path / "store")

    def broken(left: Any, *others: Any) -> Any:
        yield from list(vectors_of(left, *others))[:1]
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("runners.embedding.store.vectors_of", broken)
        with pytest.raises(OSError, match="disk full"):
            embed(examples, graph, tmp_path / "store", batch_size=2)
    assert _lines(tmp_path / "store" / ".train.journal.jsonl") == 2
    found = embed(examples, graph, tmp_path / "store").embeddings
    np.testing.assert_array_equal(found.vectors, embed(examples, graph, tmp_path / "whole").embeddings.vectors)


def test_a_mended_image_is_tried_again(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 5)
    good = [Path(str(e.image)).read_bytes() for e in examples]
    Path(str(examples[1].image)).write_bytes(b"torn")
    Path(str(examples[3].image)).unlink()
    assert list(embed(examples, graph, tmp_path / "store").failures) == ["image_001", "image_003"]
    Path(str(examples[1].image)).write_bytes(good[1])
    assert list(embed(examples, graph, tmp_path / "store").failures) == ["image_003"]
    Path(str(examples[3].image)).write_bytes(good[3])
    stored = embed(examples, graph, tmp_path / "store")
    assert not stored.failures
    np.testing.assert_array_equal(
        stored.embeddings.vectors, embed(examples, graph, tmp_path / "whole").embeddings.vectors
    )


def test_kills_leave_the_bytes_of_an_unbroken_run(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", COUNT)
    Path(str(examples[COUNT // 2].image)).write_bytes(b"no image")
    command = [sys.executable, "-m", "tests.runners.embedding.kill_worker", str(tmp_path / "images"), str(graph)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole)], check=True, cwd=ROOT, capture_output=True)
    journal, hits = killed / ".train.journal.jsonl", []
    for n in range(KILLS):
        wanted = _lines(journal) + 1 + n
        process = subprocess.Popen([*command, str(killed)], cwd=ROOT, stderr=subprocess.PIPE)
        while process.poll() is None and _lines(journal) < wanted:
            time.sleep(0.0005)
        process.kill()
        _, said = process.communicate()
        assert process.returncode == -9, said
        hits.append(_lines(journal))
    assert len(set(hits)) == KILLS and hits[-1] < COUNT // 3, hits
    with (killed / ".train.rows").open("ab") as rows, journal.open("ab") as lines:  # torn ends
        rows.write(b"\0" * 17)
        lines.write(b'{"ids": ["image_')
    subprocess.run([*command, str(killed)], check=True, cwd=ROOT, capture_output=True)
    for name in ("train.npy", "train.ids.txt"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert len(read_embeddings(killed, "train").ids) == COUNT - 1
    assert not journal.exists()


def test_a_kill_between_files_and_record_is_finished(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = make_examples(tmp_path / "images", 4)
    with monkeypatch.context() as patch:
        patch.setattr(
            "runners.embedding.unfinished.write_whole", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
        )
        with pytest.raises(OSError, match="disk full"):
            embed(examples, graph, tmp_path / "store")
    assert (tmp_path / "store" / "train.npy").exists()
    assert len(embed(examples, graph, tmp_path / "store").embeddings.ids) == 4


def test_two_processes_take_turns(tmp_path: Path, graph: Path) -> None:
    examples = make_examples(tmp_path / "images", 40)
    found: list[Stored] = []
    threads = [
        threading.Thread(target=lambda: found.append(embed(examples, graph, tmp_path / "store", batch_size=1)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    np.testing.assert_array_equal(found[0].embeddings.vectors, found[1].embeddings.vectors)
    assert len(found[0].embeddings.ids) == 40


def _lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
