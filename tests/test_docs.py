"""The pages of docs/: they build, every link leads somewhere, and every verb, edition and named file is there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import imageclef
from tasks.editions import known_years

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs/pages").rglob("*.md"))
MANUALS = [
    ROOT / "README.md",
    *(path for room in ("tasks", "runners", "evaluation") for path in ROOT.glob(f"{room}/**/*.md")),
]
OURS = re.compile(r"(?<![\w/.])(?:configs|tasks|runners|evaluation|tests|docs)/[\w./-]*\w")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the pages of the repository at `folder` as `make docs` does."""
    words = ["build", "--strict", "--config-file", str(folder / "docs/mkdocs.yml"), "--site-dir", str(site)]
    return subprocess.run([sys.executable, "-m", "mkdocs", *words], capture_output=True, text=True, check=False)


def test_the_pages_build_and_say_what_the_program_says(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {
        str(path.relative_to(tmp_path / "site")): path.read_text("utf-8")
        for path in (tmp_path / "site").rglob("*.html")
    }
    assert {f"editions/{year}.html" for year in known_years()} <= pages.keys()
    assert "--per-concept" in pages["commands/scores.html"] and "imageclef data fetch" in pages["commands/data.html"]
    assert not [name for name, page in pages.items() if "Sentinel" in page]
    assert "C1306645" not in pages["editions/2026.html"]
    assert "relevance" in pages["editions/2026.html"] and "problems.html#id-order" in pages["editions/2026.html"]
    assert "[[" not in pages["commands/answering.html"]


@pytest.mark.parametrize("link", ["[x](no-such-page.md)", "[x](tasks/caption-prediction.md#no-such-place)"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("imageclef.py", "tasks", "runners", "evaluation", "CONTRIBUTING.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    index = tmp_path / "docs/pages/index.md"
    index.write_text(index.read_text("utf-8") + f"\n{link}\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "index.md" in done.stdout + done.stderr


def test_every_verb_stands_on_one_page() -> None:
    named = [
        verb for path in PAGES for verb in re.findall(r"^\[\[([a-z-]+)\]\]$", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(named) == sorted(imageclef.VERBS)


@pytest.mark.parametrize("path", [*PAGES, *MANUALS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_ours_that_a_page_names_exists(path: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", path.read_text("utf-8"))  # links are checked by the build
    named = {name.rstrip(".") for name in OURS.findall(text)}
    gone = sorted(name for name in named if not (ROOT / name).exists())
    assert not gone
