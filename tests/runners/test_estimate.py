"""The estimate: measured through the run's loop, its interval honest, nothing written."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from imageclef import cli
from runners.estimate import _mean_interval
from tests.runners.standin import Standin, Use, make_config, make_data


def _estimate(folder: Path, *options: str) -> dict[str, object]:
    config = make_config(folder, make_data(folder / "data"))
    done = CliRunner().invoke(cli, ["estimate", str(config), "--json", *options])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.output)
    return found


@pytest.fixture
def slow() -> Callable[[list[int]], None]:
    """A model that takes 20 ms for a batch and 10 ms for each image of it."""
    return lambda levels: time.sleep(0.02 + 0.01 * len(levels))


def test_every_size_up_to_what_fits_is_measured(
    tmp_path: Path, use: Use, slow: Callable[[list[int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use(Standin(slow))
    found = _estimate(tmp_path, "--images", "36000", "--measure", "8", "--price", "3")
    estimates = found["estimates"]
    assert isinstance(estimates, list)
    assert [one["batch_size"] for one in estimates] == [1, 2, 4]
    # 30, 20 and 15 ms an image: 0.3, 0.2 and 0.15 hours for 36,000; a busy machine makes them longer, never shorter.
    for one, hours in zip(estimates, (0.30, 0.20, 0.15), strict=True):
        expected, low, high = one["hours"]
        assert hours <= expected and low <= expected <= high
        assert one["cost"][0] == pytest.approx(3 * expected)
        assert one["failed"] == 0 and one["disk_bytes"] > 36_000 * 100
    assert estimates[0]["seconds_per_image"] > estimates[2]["seconds_per_image"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base", "data", "standin.yaml"]


def test_a_size_that_the_config_names_is_the_only_one(tmp_path: Path, use: Use) -> None:
    use(Standin())
    found = _estimate(tmp_path, "--set", "batch_size=3")
    estimates = found["estimates"]
    assert isinstance(estimates, list)
    assert [one["batch_size"] for one in estimates] == [3] and estimates[0]["cost"] is None
    assert found["images"] == 12


def test_answers_that_come_together_are_measured_together(tmp_path: Path, use: Use) -> None:
    model = Standin(lambda levels: time.sleep(0.2))
    model.facts = {**model.facts, "concurrency": 3}
    use(model)
    estimates = _estimate(tmp_path, "--set", "batch_size=1", "--measure", "3")["estimates"]
    assert isinstance(estimates, list)
    # Three at once take 0.2 s: an image a 15th of a second, less only where a wave starts before the last one ends.
    assert estimates[0]["seconds_per_image"] > 0.045


def test_an_interval_without_an_end_is_null(tmp_path: Path, use: Use) -> None:
    use(Standin())
    estimates = _estimate(tmp_path, "--set", "data.limit=1")["estimates"]
    assert isinstance(estimates, list)
    assert estimates[0]["hours"][2] is None and estimates[0]["measured"] == 1


def test_the_table_fits_a_terminal(tmp_path: Path, use: Use) -> None:
    use(Standin())
    config = make_config(tmp_path, make_data(tmp_path / "data"))
    done = CliRunner().invoke(cli, ["estimate", str(config), "--price", "1"], env={"COLUMNS": "80"})
    assert done.exit_code == 0 and "hours (95 %)" in done.output and "cost" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


@given(st.lists(st.tuples(st.floats(0.01, 10), st.integers(1, 64)), min_size=2, max_size=20))
def test_the_mean_lies_in_its_interval(batches: list[tuple[float, int]]) -> None:
    seconds, weights = [s for s, _ in batches], [w for _, w in batches]
    mean, low, high = _mean_interval(seconds, weights)
    assert mean == pytest.approx(sum(s * w for s, w in batches) / sum(weights))
    assert 0 <= low <= mean <= high


def test_one_batch_alone_bounds_nothing() -> None:
    assert _mean_interval([2.0], [5]) == (2.0, 0.0, float("inf"))
