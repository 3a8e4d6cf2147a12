"""Files that belong together are of one kind at every moment, whatever fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.nouns import InputError
from tasks.together import beside, move_together

NAMES = ("a.csv", "a.zip", "last.json")


class Killed(BaseException):
    """Stands for a process that ends."""


def move(out: Path, *, names: tuple[str, ...] = NAMES) -> None:
    with beside(out) as folder:
        for name in names:
            (folder / name).write_text("new", encoding="utf-8")
        move_together({folder / name: out / name for name in names})


def state(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(out.glob("[!.]*"))}


def failing_at(monkeypatch: pytest.MonkeyPatch, n: int, error: BaseException, seen: list[dict[str, str]]) -> None:
    """Let the n-th rename from now fail; what stands in the folder before each is put into `seen`."""
    replace = Path.replace
    calls = iter(range(100))

    def moving(path: Path, target: Path) -> Path:
        out = next(p for p in (path.parent, *path.parents) if p.name == "out")
        seen.append(state(out))
        if next(calls) == n:
            raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", moving)


@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("before", [NAMES, NAMES[:2], NAMES[1:]])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_rename_that_fails_leaves_all_as_it_was(
    n: int, before: tuple[str, ...], error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in before:
        (out / name).write_text("old", encoding="utf-8")
    seen: list[dict[str, str]] = []
    with monkeypatch.context() as patch:
        failing_at(patch, n, error, seen)
        if n < 3 + len(before):
            with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
                move(out)
        else:
            move(out)
    expected = dict.fromkeys(before, "old") if n < 3 + len(before) else dict.fromkeys(NAMES, "new")
    assert state(out) == expected
    assert not list(out.glob(".*"))


def test_old_and_new_never_stand_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    move(out)
    for name in NAMES:
        (out / name).write_text("old", encoding="utf-8")
    seen: list[dict[str, str]] = []
    with monkeypatch.context() as patch:
        failing_at(patch, 99, Killed(), seen)
        move(out)
    assert len(seen) == 6
    for found in seen:
        assert len(set(found.values())) <= 1
        assert "last.json" not in found or len(found) == 3
    assert state(out) == dict.fromkeys(NAMES, "new")


def test_old_files_that_cannot_be_put_back_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.csv").write_text("old", encoding="utf-8")
    replace = Path.replace

    def moving(path: Path, target: Path) -> Path:
        if target.parent.name == "out":
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", moving)
    with pytest.raises(Killed):
        move(out)
    assert [path.read_text(encoding="utf-8") for path in out.glob(".new.*/old/*")] == ["old"]


def test_a_folder_to_come_is_made_and_nothing_else_stays(tmp_path: Path) -> None:
    move(tmp_path / "deep" / "out")
    assert state(tmp_path / "deep" / "out") == dict.fromkeys(NAMES, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
