"""The verb `paper` on small runs: what is written, what is refused, and that pdflatex makes a paper of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from evaluation.leaderboard.tables import ordinal
from tasks.nouns import InputError
from tests.evaluation.paper.small_runs import ANSWERED, CAPTIONS, IDS, NASTY, RETRIEVAL, SESSION, N, make_run
from tests.evaluation.paper.written import captions, read, record, write

TEX = ("setup.tex", "results.tex", "examples.tex", "checklist.tex", "references.bib", "figures.tex", "main.tex")


def test_what_is_written(tmp_path: Path, data: Path) -> None:
    result = write(tmp_path / "out", *captions(tmp_path, data))
    assert "pdflatex main" in result.output
    assert all((tmp_path / "out" / name).is_file() for name in TEX)
    results = read(tmp_path / "out", "results.tex")
    assert "Two runs are scored on the 12 images of valid" in results
    assert r"\label{tab:scores}" in results and r"\label{tab:differences}" in results
    assert re.search(r"a\{\\_\}b is 0\.\d{4} (above|below) base in rouge1, (a significant|which is no more)", results)
    assert "p Holm" not in results and "are not adjusted for the number of scores" in results
    abstract = read(tmp_path / "out", "main.tex")
    assert r"Two runs for ImageCLEFmedical Caption 2026, caption prediction" in abstract
    assert re.search(r"The best rouge1, that of (base|a\{\\_\}b), is 0\.\d{4} \(95", abstract)
    setup = read(tmp_path / "out", "setup.tex")
    assert "nf4 (28 modules)" in setup and r"Describe 100{\%} of" in setup and "0.80 kWh" in setup
    checklist = read(tmp_path / "out", "checklist.tex")
    for value in ("34" * 32, "78" * 32, "0123456789abcdef0123456789abcdef01234567", "changed since"):
        assert value in checklist.replace(r"\allowbreak{}", "")


def test_examples_are_chosen_shown_and_marked(tmp_path: Path, data: Path) -> None:
    more = RETRIEVAL | {"failures": [{"image_id": IDS[3], "reason": "out_of_memory"}]}
    run = make_run(tmp_path / "a", data, ANSWERED, task="concept_detection", **more)
    write(tmp_path / "out", run)
    shown = read(tmp_path / "out", "examples.tex").replace(r"\allowbreak{}", "")
    assert all(why in shown for why in ("(the best", "(the median", "(the worst", "(a failed", "(drawn at random"))
    assert r"\textbf{failed}: out{\_}of{\_}memory" in shown
    assert r"Missed: Chest{\_}1 (100{\%})." in shown
    assert r"\textbf{X-Ray Computed Tomography}" in shown
    assert r"CC BY {\&} co{\_}1" in shown
    found = sorted((tmp_path / "out" / "images").iterdir())
    assert len(found) == shown.count(r"\includegraphics") > 3
    for path in found:
        assert b"Jane Doe" not in path.read_bytes()
        assert Image.open(path).size[1] == 60


def test_a_seed_draws_other_images(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    texts = []
    for seed in ("0", "1"):
        write(tmp_path / seed, run, more=("--seed", seed))
        texts.append(read(tmp_path / seed, "examples.tex"))
    drawn = [re.findall(r"textbf\{(.*?)\} \(drawn", text.replace(r"\allowbreak{}", "")) for text in texts]
    assert len(drawn[0]) == len(drawn[1]) == 2
    assert drawn[0] != drawn[1]


def test_the_same_runs_give_the_same_bytes(tmp_path: Path, data: Path) -> None:
    runs = captions(tmp_path, data)
    for out in ("one", "two"):
        write(tmp_path / out, *runs)
    one, two = (
        {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*") if path.is_file()}
        for out in ("one", "two")
    )
    assert one == two


def test_only_what_was_used_is_cited(tmp_path: Path, data: Path) -> None:
    write(tmp_path / "two", *captions(tmp_path, data))
    bib = read(tmp_path / "two", "references.bib")
    assert all(
        key in bib for key in ("hu2022lora", "dettmers2023qlora", "lin2004rouge", "noreen1989computer", "liu2023llava")
    )
    assert "kraljevic2021medcat" not in bib  # a dictionary stands in for it
    assert "holm1979simple" not in bib  # one comparison needs no correction
    run = make_run(tmp_path / "a", data, ANSWERED, task="concept_detection", **RETRIEVAL)
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps({k: v for k, v in content.items() if k not in {"base", "adapters"}}))
    write(tmp_path / "one", run)
    bib = read(tmp_path / "one", "references.bib")
    assert not any(key in bib for key in ("hu2022lora", "lin2004rouge", "holm1979simple", "wolf2020", "qlora"))
    text = read(tmp_path / "one", "setup.tex") + read(tmp_path / "one", "results.tex")
    cited = set(",".join(re.findall(r"\\cite\{(.*?)\}", text)).split(","))
    assert cited == set(re.findall(r"@\w+\{(\w+),", bib))


def test_scores_of_models_that_are_not_at_hand_now(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    write(tmp_path / "before", run)
    refs = re.findall(r"refs:\w+", read(tmp_path / "before", "checklist.tex").replace(r"\allowbreak{}", ""))[0]
    entry = {"value": 0.61234, "ci": [0.6, 0.62], "role": "part", "surrogate": False}
    scores = {
        "bertscore": {**entry, "signature": f"bertscore|{refs}|model:x"},
        "bleurt": {**entry, "value": 0.7, "signature": "bleurt|refs:00000000|model:x"},
    }
    (run / "scores.json").write_text(json.dumps({"scores": scores}), encoding="utf-8")
    write(tmp_path / "out", run)
    results = read(tmp_path / "out", "results.tex")
    assert "0.6123 [0.6000, 0.6200]" in results
    assert "0.7000" not in results  # against other references
    assert "zhang2020bertscore" in read(tmp_path / "out", "references.bib")


def test_where_the_runs_would_stand_is_said_with_what_is_not_comparable(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a_b", data, ANSWERED, task="concept_detection")
    scores = {"f1": {"value": 0.51234, "ci": [0.4, 0.6], "role": "primary", "surrogate": False, "signature": "f1"}}
    stored = {"task": "concept_detection", "edition": 2026, "profile": "imageclef", "n": N, "scores": scores}
    (run / "scores.json").write_text(json.dumps({**stored, "unavailable": {}, "warnings": []}), encoding="utf-8")
    write(tmp_path / "out", run)
    results = read(tmp_path / "out", "results.tex")
    assert r"published rows of concept detection 2026, a partial table, a{\_}b (f1 0.5123) would be" in results
    assert "Not comparable: scored on 12 images of valid" in results


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (12, "12th"), (113, "113th"), (21, "21st")]
)
def test_ordinals(n: int, said: str) -> None:
    assert ordinal(n) == said


def test_without_references(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, NASTY)
    bare = {**json.loads((run / "run.json").read_text())["data"], "with_reference": 0}
    record(run, data=bare)
    write(tmp_path / "out", run)
    assert "there are no scores" in read(tmp_path / "out", "results.tex")
    assert r"\includegraphics" in read(tmp_path / "out", "examples.tex")
    other = make_run(tmp_path / "b", data, NASTY)
    with pytest.raises(InputError, match="has no references and others have some"):
        write(tmp_path / "out", run, other)


def test_a_training_that_is_found(tmp_path: Path, data: Path) -> None:
    from tests.evaluation.paper.test_paper_facts import TRAINING

    folder = tmp_path / "trainings" / "a_b"
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps(TRAINING), encoding="utf-8")
    adapters = [{"path": str(folder / "adapter"), "weight": 1.0, "identity": "sha256:" + "ab" * 32}]
    run = make_run(tmp_path / "a", data, CAPTIONS, adapters=adapters)
    write(tmp_path / "out", run)
    setup = read(tmp_path / "out", "setup.tex")
    assert "rank 32, alpha 64.0" in setup and "4.000 to 3.500" in setup
    assert "loshchilov2019adamw" in read(tmp_path / "out", "references.bib")
    (folder / "training.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not the record of a training"):
        write(tmp_path / "out", run)


def test_three_runs_are_corrected_for(tmp_path: Path, data: Path) -> None:
    write(tmp_path / "out", *captions(tmp_path, data), make_run(tmp_path / "c", data, CAPTIONS[2:] + CAPTIONS[:2]))
    results = read(tmp_path / "out", "results.tex")
    assert r"adjusted by Holm's method~\cite{holm1979simple} for two runs" in results
    assert "p Holm: p rand adjusted for 2 comparisons per score" in results
    write(tmp_path / "alike", make_run(tmp_path / "d", data, CAPTIONS), make_run(tmp_path / "e", data, CAPTIONS))
    assert "e is level with d in rouge1 (p = 1.00)" in read(tmp_path / "alike", "results.tex")
    assert "holm1979simple" in read(tmp_path / "out", "references.bib")


def test_what_was_tuned_or_chosen_on_the_scored_split_is_said(tmp_path: Path, data: Path) -> None:
    from tests.evaluation.paper.test_paper_facts import TRAINING

    folder = tmp_path / "trainings" / "a_b"
    folder.mkdir(parents=True)
    config = {**TRAINING["config"], "data.path": str(data), "data.valid": "valid"}
    (folder / "training.json").write_text(json.dumps({**TRAINING, "config": config}), encoding="utf-8")
    adapters = [{"path": str(folder / "adapter"), "weight": 1.0, "identity": "sha256:" + "ab" * 32}]
    tuned = make_run(tmp_path / "tuned", data, CAPTIONS, **{**RETRIEVAL, "adapters": []})
    trained = make_run(tmp_path / "trained", data, CAPTIONS, adapters=adapters)
    write(tmp_path / "out", tuned, trained)
    results = read(tmp_path / "out", "results.tex")
    assert "tuned was tuned on valid too" in results
    assert "The training of trained was validated on images of valid too" in results


def test_a_template_is_said_to_be_one(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS, prompt="Age {{ context.age }}. Describe.")
    write(tmp_path / "out", run)
    assert "word for word, a template of Jinja" in read(tmp_path / "out", "setup.tex")
    write(tmp_path / "other", make_run(tmp_path / "b", data, CAPTIONS))
    assert "Jinja" not in read(tmp_path / "other", "setup.tex")


def test_energy_is_explained_only_where_it_is_estimated(tmp_path: Path, data: Path) -> None:
    write(tmp_path / "out", make_run(tmp_path / "a", data, CAPTIONS))
    assert "upper estimate" in read(tmp_path / "out", "setup.tex")
    write(tmp_path / "other", make_run(tmp_path / "b", data, CAPTIONS, sessions=[{**SESSION, "hardware": {}}]))
    assert "upper estimate" not in read(tmp_path / "other", "setup.tex")


def test_what_the_user_wrote_stays(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    out = tmp_path / "out"
    write(out, run)
    for name in ("main.tex", "results.tex"):
        (out / name).write_text("mine", encoding="utf-8")
    said = write(out, run).output
    assert read(out, "main.tex") == read(out, "results.tex") == "mine"
    assert "scored on" in read(out, "results.new.tex")
    assert "results.tex was changed by you" in said and "main.tex is yours" in said
    assert not (out / "main.new.tex").exists()


@pytest.mark.skipif(not (shutil.which("pdflatex") and shutil.which("bibtex")), reason="pdflatex or bibtex is missing")
@pytest.mark.parametrize("n", [1, 2, 10])
def test_pdflatex_makes_a_paper_of_it(tmp_path: Path, data: Path, n: int) -> None:
    some = [("a_b", NASTY), ("base 50%", CAPTIONS), ("c&d", NASTY[::-1]), ("e^f", CAPTIONS[::-1])]
    some = [(f"{name}{k or ''}", answers) for k in range(3) for name, answers in some][:n]
    runs = [make_run(tmp_path / name, data, answers) for name, answers in some]
    write(tmp_path / "out", *runs)
    log = compiled(tmp_path / "out")
    assert not re.findall(r"^!.*", log, flags=re.MULTILINE)
    assert "undefined" not in log
    too_large = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert not [points for points in too_large if points > 5]
    assert "Warning--" not in read(tmp_path / "out", "main.blg")
    if shutil.which("pdftotext"):
        text = "".join(
            subprocess.run(
                ["pdftotext", tmp_path / "out" / "main.pdf", "-"], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        # The failed image is always an example; long words break, and pdftotext shows them in parts.
        assert "failed:outof_memory100%" in text


def compiled(folder: Path) -> str:
    """Compile main.tex as its first lines say; the log of the last pass."""
    tex = ["pdflatex", "-interaction=nonstopmode", "main.tex"]
    for command in (tex, ["bibtex", "main"], tex, tex):
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert (folder / "main.pdf").is_file()
    return (folder / "main.log").read_text(encoding="latin-1")


def test_every_example_of_nasty_captions_is_shown(tmp_path: Path, data: Path) -> None:
    """Whatever the seed, no caption ends the document or a group."""
    run = make_run(tmp_path / "a", data, NASTY)
    for seed in range(4):
        write(tmp_path / str(seed), run, more=("--seed", str(seed)))
        text = read(tmp_path / str(seed), "examples.tex")
        assert r"\end{document}" not in text and r"\input{/etc" not in text
        assert len(re.findall(r"(?<!\\)\{", text)) == len(re.findall(r"(?<!\\)\}", text))
    assert len(IDS) == N
