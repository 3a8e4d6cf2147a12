"""A folder that is written again while a user works in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.paper.folder import MARK, check_folder, write_folder
from tasks.files import write_whole
from tasks.nouns import InputError


def test_written_again_it_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    files: dict[str, str | bytes] = {"a.tex": "a", "images/1.jpg": b"1"}
    first = write_folder(folder, files)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != MARK and path.is_file()}
    second = write_folder(folder, files)
    assert first.new == second.new == ["a.tex", "images/1.jpg"]
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_the_user_changed_is_kept(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a.tex": "one", "b.tex": "b"})
    (tmp_path / "a.tex").write_text("mine")
    for again in ("two", "three"):  # the second time, too
        done = write_folder(tmp_path, {"a.tex": again, "b.tex": "b"})
        assert (tmp_path / "a.tex").read_text() == "mine"
        assert (tmp_path / "a.new.tex").read_text() == again
        assert (done.kept, done.beside, done.new) == (["a.tex"], ["a.new.tex"], ["b.tex"])
    (tmp_path / "a.tex").unlink()
    assert write_folder(tmp_path, {"a.tex": "four"}).new == ["a.tex"]
    assert (tmp_path / "a.tex").read_text() == "four"


def test_what_came_with_the_same_text_is_ours(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a.tex": "one"})
    (tmp_path / "a.tex").write_text("two")
    assert write_folder(tmp_path, {"a.tex": "two"}).kept == []


def test_the_users_file_is_written_once(tmp_path: Path) -> None:
    write_folder(tmp_path, {"main.tex": "one"}, users=["main.tex"])
    done = write_folder(tmp_path, {"main.tex": "two"}, users=["main.tex"])
    assert (tmp_path / "main.tex").read_text() == "one"
    assert (done.kept, done.beside) == (["main.tex"], [])


def test_what_is_not_needed_any_more_goes_unless_it_was_changed(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a.tex": "a", "b.tex": "b", "c.tex": "c"})
    (tmp_path / "b.tex").write_text("mine")
    assert write_folder(tmp_path, {"a.tex": "a"}).gone == ["c.tex"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [MARK, "a.tex", "b.tex"]


def test_a_crash_does_not_make_our_files_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evaluation.paper.folder as module

    write_folder(tmp_path, {"a.tex": "one", "b.tex": "one"})

    def failing(path: Path, content: str | bytes) -> None:
        if path.name == "b.tex":
            raise OSError("disk full")
        write_whole(path, content)

    monkeypatch.setattr(module, "write_whole", failing)
    with pytest.raises(OSError, match="disk full"):
        write_folder(tmp_path, {"a.tex": "two", "b.tex": "two"})
    monkeypatch.undo()
    assert write_folder(tmp_path, {"a.tex": "three", "b.tex": "three"}).kept == []
    assert (tmp_path / "b.tex").read_text() == "three"


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        write_folder(tmp_path, {"a.tex": "a"})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "thesis.tex")


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"a.tex": 3})])
def test_a_damaged_mark_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MARK).write_text(content)
    with pytest.raises(InputError, match="cannot be read"):
        check_folder(tmp_path)
