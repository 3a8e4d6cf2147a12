"""How work is shared: every batch answered whoever dies, few answered twice, places from the environment."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.sharing import Ledger, Place, place_of, shared
from tasks.nouns import Example, InputError, Prediction

BATCHES = [[Example(f"{n}-{k}", Path("none"), "test") for k in range(2)] for n in range(23)]


class _Board(Ledger):
    """A ledger that all processes of a simulation share, as journals on a common disk are."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.failed: set[str] = set()

    def refresh(self) -> None:
        pass


@settings(deadline=None, max_examples=200)
@given(
    speeds=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    deaths=st.lists(st.one_of(st.none(), st.integers(0, 8)), min_size=6, max_size=6),
    seed=st.integers(0, 9),
)
def test_whoever_dies_every_batch_is_answered_and_few_twice(
    speeds: list[int], deaths: list[int | None], seed: int
) -> None:
    board, chance = _Board(), random.Random(seed)
    living = {
        rank: shared(BATCHES, board, Place(rank, len(speeds)))
        for rank in range(len(speeds))
        if rank != seed or rank == 0
    }
    answered: Counter[int] = Counter()
    under_way: list[tuple[float, int, int]] = []
    started: Counter[int] = Counter()

    def go_on(rank: int, now: float) -> None:
        batch = next(living[rank], None)
        if batch is None:
            del living[rank]
            return
        started[rank] += 1
        under_way.append((now + speeds[rank] * chance.uniform(0.9, 1.1), rank, BATCHES.index(list(batch))))

    for rank in list(living):
        go_on(rank, 0.0)
    while under_way:
        under_way.sort()
        now, rank, number = under_way.pop(0)
        dies = deaths[rank] is not None and started[rank] > (deaths[rank] or 0) and len(living) > 1
        if dies and any(other in living for _, other, _ in under_way):
            del living[rank]  # with its batch unanswered
            continue
        answered[number] += 1
        board.note([Prediction(e.image_id, "a caption") for e in BATCHES[number]])
        go_on(rank, now)
    assert set(answered) == set(range(len(BATCHES)))
    # Only what is under way elsewhere is answered again: near the end by those who wait, or when an owner comes to it.
    assert answered.total() - len(BATCHES) <= 2 * len(speeds) * (len(speeds) - 1)


def test_one_process_answers_each_batch_once_in_order() -> None:
    board = _Board()
    board.done = {e.image_id for e in BATCHES[3]}
    assert list(shared(BATCHES, board, Place())) == [*BATCHES[:3], *BATCHES[4:]]


def test_taking_over_from_the_dead_does_not_look_at_all_batches_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    board, looks = _Board(), 0
    has = Ledger.has

    def counted(self: Ledger, batch: list[Example]) -> bool:
        nonlocal looks
        looks += 1
        return has(self, batch)

    monkeypatch.setattr(Ledger, "has", counted)
    batches = [[Example(str(n), Path("none"), "test")] for n in range(4000)]
    for batch in shared(batches, board, Place(1, 4)):
        board.done.update(e.image_id for e in batch)
    assert len(board.done) == len(batches) and looks <= 4 * len(batches)


def test_the_ledger_reads_what_others_write_and_no_half_line(tmp_path: Path) -> None:
    def line(image_id: str, status: str) -> str:
        return json.dumps({"image_id": image_id, "status": status}) + "\n"

    mine, theirs = tmp_path / "predictions.0.jsonl", tmp_path / "predictions.1.jsonl"
    torn = line("3-0", "ok")[:-9]  # by a crash: the next that writes into this file cuts it off
    mine.write_text(line("done", "ok") + line("before", "failed") + torn, encoding="utf-8")
    ledger = Ledger(tmp_path)
    assert ledger.done == {"done"} and not ledger.failed  # what failed before may be tried again
    mine.write_text(line("done", "ok") + line("before", "failed") + line("2-0", "ok"), encoding="utf-8")
    theirs.write_text(line("0-0", "ok") + line("0-1", "failed") + line("1-0", "ok")[:10], encoding="utf-8")
    ledger.refresh()
    assert ledger.done == {"done", "2-0", "0-0"} and ledger.failed == {"0-1"}
    assert ledger.has(BATCHES[0]) and not ledger.has(BATCHES[1])
    with theirs.open("a", encoding="utf-8") as file:
        file.write(line("1-0", "ok")[10:] + line("0-1", "ok"))
    ledger.refresh()
    assert ledger.done == {"done", "2-0", "0-0", "0-1", "1-0"} and not ledger.failed and ledger.tried == 5


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, Place()),
        ({"RANK": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Place(2, 4, 1)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_LOCALID": "3"}, Place(3, 8, 3)),
        ({"RANK": "0"}, Place()),
    ],
)
def test_a_launcher_says_which_process_this_is(environment: dict[str, str], place: Place) -> None:
    assert place_of(environment) == place


@pytest.mark.parametrize(("rank", "size"), [("4", "4"), ("-1", "2"), ("one", "2")])
def test_an_impossible_place_is_explained(rank: str, size: str) -> None:
    with pytest.raises(InputError, match=f"RANK={rank}, WORLD_SIZE={size}.*unset them"):
        place_of({"RANK": rank, "WORLD_SIZE": size})
