"""The page: nothing from elsewhere, nothing unescaped, every control labelled; its script writes what is read back."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from evaluation.ratings.items import Item, read_items
from evaluation.ratings.material import Material
from evaluation.ratings.page import SIDE, data_uri, page, pictures
from evaluation.ratings.reading import read_ratings
from evaluation.ratings.sheet import Row, draw, for_rater, key_table
from tasks.nouns import Report
from tasks.reports.disclaimer import DISCLAIMER

HOSTILE = '</p><script>alert("x")</script> - "A" & <b>B</b>'
ITEMS = read_items(None)
NODE = shutil.which("node")
# What the script needs of a browser: the fields, what it looks up by id, and a place to keep things.
BROWSER = """
const facts = %s, answers = %s;
const field = name => ({ type: name.endsWith("comment") ? "textarea" : "radio", name, value: "", checked: false });
const fields = [];
for (const code of facts.codes) for (const item of facts.items) {
  if (facts.needed.includes(item))
    for (const value of facts.levels[item]) fields.push(Object.assign(field(`${code}.${item}`), { value }));
  else fields.push(field(`${code}.${item}`));
}
const nodes = { facts: { textContent: JSON.stringify(facts) } };
const node = id => nodes[id] ??= { classList: { toggle() {} }, addEventListener() {}, textContent: "" };
const kept = {};
globalThis.document = { getElementById: node, querySelectorAll: () => fields, querySelector: () => node("main") };
globalThis.window = { addEventListener() {} };
globalThis.localStorage = { getItem: key => kept[key] ?? null, setItem: (key, value) => { kept[key] = value; } };
const script = %s + `
  for (const one of fields)
    if (one.type === "radio") one.checked = answers[one.name] === one.value; else one.value = answers[one.name] || "";
  changed();
  const first = [table(), at("progress").textContent];
  for (const one of fields) { one.checked = false; if (one.type !== "radio") one.value = ""; }
  restore();
  process.stdout.write(JSON.stringify([...first, table() === first[0]]));`;
new Function("fields_", "answers", "process", script.replace(/const fields = .*;/, "const fields = fields_;"))(
  fields, answers, process);
"""


class Parts(HTMLParser):
    """The elements of a page, and whether all that were opened were closed."""

    VOID = frozenset({"meta", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "input":
            assert "label" in self.open and "fieldset" in self.open
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside.setdefault(self.open[-1], []).append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def grey(path: Path, size: tuple[int, int]) -> Path:
    Image.new("I;16", size, 700).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


@pytest.fixture
def material(tmp_path: Path) -> Material:
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = {
        "s1": (grey(tmp_path / "s1", (3000, 40)), grey(tmp_path / "s1b", (20, 20))),
        "s2": (tmp_path / "broken.png",),
    }
    systems = {"secret-one": Report(HOSTILE, "Impression."), "secret-two": Report("", "= 1")}
    return Material({name: dict.fromkeys(images, report) for name, report in systems.items()}, images)


def rows_of(material: Material) -> list[Row]:
    return for_rater(draw(material, n=2, seed=0), rater=1, seed=0)


def test_the_page_stands_alone_and_is_blind(material: Material) -> None:
    text = page(rows_of(material), ITEMS, pictures=pictures(material, ["s1", "s2"]), rater=1)
    assert not re.search(r"https?:|//\w+\.|@import|\bhref=|innerHTML|secret", re.sub(r'"data:[^"]*"', "", text))
    assert "default-src 'none'" in text and "form-action 'none'" in text
    assert DISCLAIMER in text
    parts = Parts(text)
    assert [one["src"] is not None and one["src"].startswith("data:image/jpeg;base64,") for one in parts.of("img")] == [
        True
    ] * 2
    assert "The image of this study cannot be shown." in text


def test_what_a_model_wrote_stays_text(material: Material) -> None:
    text = page(rows_of(material), ITEMS, pictures={}, rater=1)
    assert "alert(" not in "".join(Parts(text).inside["script"]) and "<b>B</b>" not in text
    assert text.count("&lt;script&gt;alert(&#34;x&#34;)") == 2
    words = "".join(Parts(text).inside["p"])
    assert words.count(HOSTILE) == 2 and words.count("(empty)") == 2


def test_every_control_can_be_reached_and_has_a_name(material: Material) -> None:
    parts = Parts(page(rows_of(material), ITEMS, pictures=pictures(material, ["s1"]), rater=2))
    assert dict(parts.elements)["html"]["lang"] == "en"
    texts, levels = 4, sum(len(item.levels) for item in ITEMS)
    assert len(parts.of("input")) == texts * levels and len({one["name"] for one in parts.of("input")}) == texts * 4
    assert len(parts.of("fieldset")) == len(parts.of("legend")) == texts * 4
    ids = [one["id"] for _, one in parts.elements if "id" in one]
    assert len(ids) == len(set(ids))
    fields = {one["for"] for one in parts.of("label") if "for" in one}
    assert fields == {one["id"] for one in parts.of("textarea")} and len(fields) == texts
    assert {one["aria-labelledby"] for tag in ("section", "article") for one in parts.of(tag)} <= set(ids)
    assert all(one["alt"] for one in parts.of("img"))
    assert all(one.get("tabindex") in {None, "-1"} for _, one in parts.elements)


def test_without_images_the_id_says_which_it_is(material: Material) -> None:
    text = page(rows_of(material), ITEMS, pictures={}, rater=1)
    assert not Parts(text).of("img") and "cannot be shown" not in text
    assert "(s1)" in text and "(s2)" in text and "which you find by its id" in text


def test_an_image_is_scaled_and_readable(tmp_path: Path) -> None:
    uri = data_uri(grey(tmp_path / "large", (3000, 1500)))
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert picture.format == "JPEG" and picture.size == (SIDE, SIDE // 2)
    assert data_uri(tmp_path / "none.png") == ""


def test_what_a_file_says_beside_its_pixels_stays_out(tmp_path: Path) -> None:
    Image.new("L", (20, 20)).save(tmp_path / "said.jpg", comment=b"Jane Doe")
    assert b"Jane Doe" not in base64.b64decode(data_uri(tmp_path / "said.jpg").partition(",")[2])


@pytest.mark.skipif(NODE is None, reason="needs node to run the page's script")
def test_the_script_saves_what_is_read_back(material: Material, tmp_path: Path) -> None:
    assert NODE is not None
    rows = rows_of(material)
    text = page(rows, ITEMS, pictures={}, rater=1)
    facts_json, script = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    facts = json.loads(facts_json)
    answers = {f"{row.code}.{item.name}": _answer(item) for row in rows for item in ITEMS}
    program = BROWSER % (
        json.dumps(facts | {"levels": {item.name: list(item.levels) for item in ITEMS}}),
        json.dumps(answers),
        json.dumps(script),
    )
    done = subprocess.run([NODE, "-"], input=program, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    table, progress, same_again = json.loads(done.stdout)
    assert '"\'=1, ""é' in table
    assert progress == "4 of 4 texts rated" and same_again
    (tmp_path / "rater-1.csv").write_bytes(table.encode("utf-8"))
    (tmp_path / "key.csv").write_bytes(key_table(rows).encode("utf-8"))
    found = read_ratings([tmp_path / "rater-1.csv"], key=tmp_path / "key.csv", items=ITEMS)
    codes = {row.code for row in rows}
    assert found.levels["errors"]["rater-1"] == dict.fromkeys(codes, "major")
    assert found.levels["comment"]["rater-1"] == dict.fromkeys(codes, '=1, "é"\nsecond line')


def _answer(item: Item) -> str:
    return list(item.levels)[-1] if item.levels else '=1, "é"\nsecond line'
