"""Fetching from a local server that breaks off, lies and fails: the files are right or the error is clear."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from tasks.datasets import fetch, open_dataset
from tasks.datasets.commands import fetch as fetch_command
from tasks.datasets.unpack import unpack
from tasks.nouns import InputError, Task

RECORD = f"/api/records/{fetch.RECORD}"


@dataclass
class Server:
    """Files by path, and what is to go wrong with them."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_at: dict[str, list[int]] = field(default_factory=dict)
    """Path -> after how many bytes each of the next answers breaks off."""
    status: dict[str, list[int]] = field(default_factory=dict)
    """Path -> status of each of the next answers."""
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of every request."""
    url: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0, 0.0))
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = self.headers.get("Range", "")
            state.asked.append((path, asked))
            if state.status.get(path):
                self.send_error(state.status[path].pop(0))
            elif path not in state.files:
                self.send_error(404)
            else:
                self.answer(path, int(asked[6:-1]) if asked and state.ranges else 0)

        def answer(self, path: str, start: int) -> None:
            body = state.files[path][start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cuts = state.cut_at.get(path)
            self.wfile.write(body[: cuts.pop(0)] if cuts else body)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{listener.server_port}"
    yield state
    listener.shutdown()
    listener.server_close()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def publish(server: Server, files: dict[str, bytes]) -> None:
    """Put the files into a Zenodo record."""
    entries = []
    for name, content in files.items():
        path = f"{RECORD}/files/{name}/content"
        server.files[path] = content
        checksum = f"md5:{hashlib.md5(content).hexdigest()}"
        entries.append({"key": name, "size": len(content), "checksum": checksum, "links": {"self": server.url + path}})
    server.files[RECORD] = json.dumps({"files": entries}).encode()


def run(server: Server, out: Path, release: str = "rocov2") -> list[Path]:
    return fetch.fetch(release, out, base=server.url, progress=lambda *_: None)


def test_a_record_is_fetched_unpacked_and_read(server: Server, tmp_path: Path) -> None:
    caption = b"ID,Caption\nROCOv2_2023_train_000001,x\n"
    images = zipped({"train/ROCOv2_2023_train_000001.jpg": b"picture"})
    publish(server, {"train_captions.csv": caption, "train_images.zip": images})
    run(server, tmp_path)
    assert (tmp_path / "train_captions.csv").read_bytes() == caption
    (example,) = open_dataset(tmp_path).examples(Task.CAPTIONS, "train")
    assert example.image.read_bytes() == b"picture"
    assert not list(tmp_path.rglob("*.part"))


def test_right_files_are_skipped_and_spoiled_ones_fetched_again(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"aaa", "b.csv": b"bbb"})
    run(server, tmp_path)
    (tmp_path / "b.csv").write_bytes(b"bxb")
    server.asked.clear()
    run(server, tmp_path)
    assert [path for path, _ in server.asked] == [RECORD, f"{RECORD}/files/b.csv/content"]
    assert (tmp_path / "b.csv").read_bytes() == b"bbb"


def test_an_interrupted_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    publish(server, {"a.csv": content})
    path = f"{RECORD}/files/a.csv/content"
    server.cut_at[path] = [30_000, 50_000]
    run(server, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == content
    starts = [int(asked[6:-1]) if asked else 0 for where, asked in server.asked if where == path]
    assert starts == sorted(starts)
    assert len(starts) == 3
    assert 0 < starts[1] <= 30_000 < starts[2] <= 80_000


def test_a_part_of_an_earlier_run_is_used(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789", "b.csv": b"0123456789"})
    (tmp_path / "a.csv.part").write_bytes(b"0123")
    (tmp_path / "b.csv.part").write_bytes(b"0123456789")
    run(server, tmp_path)
    assert [asked for path, asked in server.asked if "/files/" in path] == ["bytes=4-"]  # b was whole already
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.csv": b"0123456789", "b.csv": b"0123456789"}


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789"})
    server.ranges = False
    (tmp_path / "a.csv.part").write_bytes(b"0123")
    run(server, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"0123456789"


def test_a_wrong_part_is_dropped(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789"})
    (tmp_path / "a.csv.part").write_bytes(b"xxxx")
    run(server, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"0123456789"


def test_server_errors_are_tried_again(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789"})
    server.status = {RECORD: [503], f"{RECORD}/files/a.csv/content": [500, 429]}
    run(server, tmp_path)
    assert (tmp_path / "a.csv").read_bytes() == b"0123456789"


def test_a_wrong_checksum_is_an_error_and_leaves_no_file(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789"})
    server.files[f"{RECORD}/files/a.csv/content"] = b"012345678x"
    with pytest.raises(InputError, match=r"a\.csv came with a wrong checksum"):
        run(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"<html>", "does not answer with a list of files"),
        (b'{"files": [{"key": "a"}]}', "does not answer with a list of files"),
        (b"[]", "does not answer with a list of files"),
    ],
)
def test_another_answer_than_a_record(server: Server, tmp_path: Path, answer: bytes, expected: str) -> None:
    server.files[RECORD] = answer
    with pytest.raises(InputError, match=expected):
        run(server, tmp_path)


def test_unknown_and_unreachable_servers(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="404"):
        run(server, tmp_path)
    with pytest.raises(InputError, match="offline"):
        fetch.fetch("rocov2", tmp_path, base="http://127.0.0.1:9", progress=lambda *_: None)
    with pytest.raises(InputError, match=r"--from-url|offline"):
        fetch.fetch("rocov2", tmp_path, base="nonsense", progress=lambda *_: None)


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "x/../../a.csv", "..\\a.csv"])
def test_names_that_lead_out_of_the_folder(server: Server, tmp_path: Path, name: str) -> None:
    publish(server, {name: b"x"})
    with pytest.raises(InputError, match="lead out"):
        run(server, tmp_path / "out")
    assert not (tmp_path / "a.csv").exists()


def test_open_i_from_the_hub(server: Server, tmp_path: Path) -> None:
    content, name = b"PAR1 and more", "data/train-00000-of-00001.parquet"
    lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    siblings = [
        {"rfilename": "README.md", "size": 3, "blobId": "x"},
        {"rfilename": name, "size": len(content), "blobId": "y", "lfs": lfs},
    ]
    repository = fetch.HUB_DATA_SET
    server.files[f"/api/datasets/{repository}"] = json.dumps({"siblings": siblings}).encode()
    server.files[f"/datasets/{repository}/resolve/main/{name}"] = content
    assert run(server, tmp_path, "open-i") == [tmp_path / name]
    assert (tmp_path / name).read_bytes() == content


def test_command(server: Server, tmp_path: Path) -> None:
    publish(server, {"a.csv": b"0123456789"})
    result = CliRunner().invoke(fetch_command, ["rocov2", "--out", str(tmp_path / "o"), "--from-url", server.url])
    assert result.exit_code == 0, result.output
    assert f"1 files of rocov2, verified, in {tmp_path / 'o'}" in result.output
    assert CliRunner().invoke(fetch_command, ["other", "--out", str(tmp_path)]).exit_code == 2


def archive(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\x"])
def test_members_that_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="lead out"):
        unpack(archive(tmp_path, zipped({name: b"x"})), tmp_path / "in/here")
    assert not list(tmp_path.rglob("x"))


def test_links_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="'link' is a link"):
        unpack(archive(tmp_path, file.getvalue()), tmp_path / "out")


def test_bombs_are_refused_before_unpacking(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bomb"):
        unpack(archive(tmp_path, zipped({"a": bytes(120_000_000)})), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked"):
        unpack(archive(tmp_path, b"PK nonsense"), tmp_path / "out")
    whole = bytearray(zipped({"a": bytes(range(256)) * 9}))
    whole[60] ^= 0xFF
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(archive(tmp_path, bytes(whole)), tmp_path / "out")
    assert not (tmp_path / "out/a").exists()


def test_unpacking_again_completes_what_is_missing(tmp_path: Path) -> None:
    path = archive(tmp_path, zipped({"t/a": b"aa", "t/b": b"bb"}))
    unpack(path, tmp_path / "out")
    (tmp_path / "out/t/b").unlink()
    kept = (tmp_path / "out/t/a").stat().st_mtime_ns
    unpack(path, tmp_path / "out")
    assert (tmp_path / "out/t/b").read_bytes() == b"bb"
    assert (tmp_path / "out/t/a").stat().st_mtime_ns == kept


def test_an_address_without_a_scheme_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no address"):
        fetch.fetch("rocov2", tmp_path, base="mirror.example", progress=lambda *_: None)
