"""Search: what a plain computation finds, whatever the blocks, and never what is to be left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runners.retrieval import search as module
from runners.retrieval.config import Retrieval
from runners.retrieval.search import NoDirectionError, search
from tasks.nouns import InputError
from tests.runners.retrieval.making import plain, random_vectors, rows_of, vectors

BLOCKS = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(asked=vectors(8), pool=vectors(25), data=st.data(), blocks=BLOCKS)
@settings(deadline=None)
def test_the_same_as_pair_by_pair(asked: Any, pool: Any, data: st.DataObject, blocks: tuple[int, int]) -> None:
    k = data.draw(st.integers(1, len(pool)), label="k")
    labels = [data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n)) for n in (len(asked), len(pool))]
    apart = data.draw(st.sampled_from([None, (labels[0], labels[1])]))
    duplicates = data.draw(st.sampled_from([None, 1.0, 0.9, 0.3]))
    rows, cosines = plain(asked, pool, k, apart=apart, duplicates=duplicates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "POOL_BLOCK", blocks[0])
        patch.setattr(module, "ASKED_BLOCK", blocks[1])
        near = search(asked, pool, k=k, apart=apart, duplicates=duplicates)
    assert near.rows.shape == near.likeness.shape == (len(asked), k)
    assert rows_of(near) == rows
    for ours, theirs in zip(near.likeness, cosines, strict=True):
        assert ours[: len(theirs)] == pytest.approx(np.clip(theirs, -1, 1), abs=1e-7)
        assert np.isneginf(ours[len(theirs) :]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_likeness_is_the_cosine(dtype: type) -> None:
    asked: NDArray[Any] = random_vectors(12, 300, seed=2).astype(dtype)
    pool: NDArray[Any] = (random_vectors(60, 300, seed=1) * 3).astype(dtype)
    near = search(asked, pool, k=60)
    a, b = asked.astype(np.float64), pool.astype(np.float64)
    cosines = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    assert near.likeness == pytest.approx(np.take_along_axis(cosines, near.rows, axis=1), abs=6e-4)
    assert (np.diff(near.likeness, axis=1) <= 0).all()
    assert search(np.array([[1.0, 0]]), np.array([[-2.0, 0], [0, 1]]), k=2).likeness.tolist() == [[0, -1]]


def test_blocks_change_nothing_and_copies_go_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    base = random_vectors(10, 333, seed=1)
    pool = np.concatenate([base, base * 2, base])
    asked = base + random_vectors(10, 333, seed=2) / 50
    whole = search(asked, pool, k=5)
    assert [row[:3] for row in whole.rows.tolist()] == [[n, n + 10, n + 20] for n in range(10)]
    for blocks in ((1, 3), (7, 1), (29, 10)):
        monkeypatch.setattr(module, "POOL_BLOCK", blocks[0])
        monkeypatch.setattr(module, "ASKED_BLOCK", blocks[1])
        again = search(asked, pool, k=5)
        assert (again.rows == whole.rows).all()
        assert (again.likeness == whole.likeness).all()


def test_leave_one_out_and_leave_its_article_out() -> None:
    pool = random_vectors(30, 16, seed=3)
    ids = [f"i{n}" for n in range(30)]
    articles = [f"a{n // 3}" for n in range(30)]
    alone = search(pool, pool, k=29, apart=(ids, ids)).rows
    assert all(sorted(row) == [m for m in range(30) if m != n] for n, row in enumerate(alone.tolist()))
    near = search(pool, pool, k=30, apart=(articles, articles))
    assert all(sorted(row) == [m for m in range(30) if m // 3 != n // 3] for n, row in enumerate(rows_of(near)))
    assert (near.rows[:, 27:] == -1).all()
    assert np.isneginf(near.likeness[:, 27:]).all()


def test_duplicates_are_left_out_from_their_cosine_on() -> None:
    asked = np.array([[1.0, 0]])
    pool = np.array([[5.0, 0], [1, 0.01], [1, 0.2], [0, 1]])
    assert rows_of(search(asked, pool, k=4)) == [[0, 1, 2, 3]]
    assert rows_of(search(asked, pool, k=4, duplicates=1.0)) == [[1, 2, 3]]
    assert rows_of(search(asked, pool, k=4, duplicates=0.999)) == [[2, 3]]
    assert rows_of(search(asked, pool, k=4, duplicates=0.9)) == [[3]]


def test_a_memory_map_is_read_block_by_block(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = random_vectors(50, 8, seed=1).astype(np.float16)
    np.save(tmp_path / "pool.npy", pool)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    taken = []
    known = module.directions

    def watched(vectors: NDArray[Any], rows: Any, **kwargs: Any) -> NDArray[np.float32]:
        taken.append(len(vectors[rows]))
        return known(vectors, rows, **kwargs)

    monkeypatch.setattr(module, "POOL_BLOCK", 16)
    monkeypatch.setattr(module, "ASKED_BLOCK", 10)
    monkeypatch.setattr(module, "directions", watched)
    near = search(mapped, mapped, k=3)
    assert near.rows[:, 0].tolist() == list(range(50))
    assert (max(taken), sum(taken)) == (16, 50 + 4 * 50)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("how", ["exact", "faiss"])
def test_a_vector_without_a_direction_is_named(value: float, how: Any) -> None:
    if how != "exact":
        pytest.importorskip("faiss", reason="the extra `search` is not installed")
    good, bad = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([[1.0, 0], [value, 0], [0, 1]])
    with pytest.raises(NoDirectionError, match=r"to search: row 1 holds NaN") as raised:
        search(good, bad, k=1, how=how)
    assert (raised.value.side, raised.value.row) == ("pool", 1)
    with pytest.raises(NoDirectionError, match="asked about: row 1") as raised:
        search(bad, good, k=1, how=how)
    assert (raised.value.side, raised.value.row) == ("asked", 1)


def test_what_cannot_be_searched() -> None:
    with pytest.raises(InputError, match=r"retrieval\.k: 4 neighbours are asked of 3 images"):
        search(np.ones((2, 2)), np.ones((3, 2)), k=4)
    with pytest.raises(InputError, match="of 2 dimensions cannot be compared with those of 3"):
        search(np.ones((2, 2)), np.ones((3, 3)), k=1)
    assert search(np.ones((0, 2)), np.ones((3, 2)), k=2).rows.shape == (0, 2)


@pytest.mark.parametrize(("how", "module_name"), [("faiss", "faiss"), ("usearch", "usearch")])
class TestGraphs:
    def test_a_graph_finds_nearly_all(self, how: Any, module_name: str) -> None:
        pytest.importorskip(module_name, reason="the extra `search` is not installed")
        asked, pool = (random_vectors(n, 24, seed=n).astype(np.float16) for n in (60, 1500))
        exact, near = search(asked, pool, k=10), search(asked, pool, k=10, how=how)
        both = [len({*ours} & {*theirs}) for ours, theirs in zip(near.rows, exact.rows, strict=True)]
        assert sum(both) / exact.rows.size > 0.97
        there = near.rows == exact.rows
        assert (near.likeness[there] == exact.likeness[there]).all()

    def test_the_same_is_left_out(self, how: Any, module_name: str) -> None:
        pytest.importorskip(module_name, reason="the extra `search` is not installed")
        pool = np.concatenate([random_vectors(40, 8, seed=1)] * 3)
        articles = [n % 40 // 8 for n in range(120)]
        several: tuple[dict[str, Any], ...] = (
            {"apart": (articles[:40], articles)},
            {"duplicates": 1.0},
            {"duplicates": 0.3},
            {},
        )
        for options in several:
            exact = search(pool[:40], pool, k=110, **options)
            near = search(pool[:40], pool, k=110, how=how, **options)
            both = [len({*a} & {*b}) for a, b in zip(rows_of(near), rows_of(exact), strict=True)]
            assert sum(both) > 0.98 * (exact.rows >= 0).sum(), options
            assert sum(map(len, rows_of(near))) == (exact.rows >= 0).sum()

    def test_it_looks_on_behind_many_copies(self, how: Any, module_name: str) -> None:
        pytest.importorskip(module_name, reason="the extra `search` is not installed")
        one = random_vectors(1, 8, seed=1)
        pool = np.concatenate([one] * 60 + [random_vectors(40, 8, seed=2)])
        near = search(one, pool, k=5, how=how, duplicates=1.0)
        assert near.rows.min() >= 60

    def test_a_missing_package_names_the_extra(
        self, how: Any, module_name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(name: str, *args: Any) -> Any:
            raise ImportError(f"No module named {name!r}")

        monkeypatch.setattr("runners.retrieval.approximate.import_module", missing)
        with pytest.raises(InputError, match=rf"{how} cannot be imported.*\[search\].*retrieval\.search=exact"):
            search(np.ones((2, 2)), np.ones((3, 2)), k=1, how=how)


def test_an_idle_temperature_is_refused() -> None:
    with pytest.raises(ValueError, match="no effect without weighting: similarity"):
        Retrieval(temperature=0.2)
    assert Retrieval(weighting="similarity", temperature=0.2).temperature == 0.2
    assert set(Retrieval.model_fields) >= {"k", "weighting", "search", "apart"}


def test_duplicates_are_of_images() -> None:
    with pytest.raises(ValueError, match="with space: labels it would find no copy"):
        Retrieval(space="labels", duplicates=1)
