"""One comparison in all its forms: the best, the marks, the letters, the groups of images, the words, the files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.comparison.breakdown import broken_down
from evaluation.comparison.group_tables import breakdown_tables
from evaluation.comparison.grouping import grouping_of
from evaluation.comparison.paired import compare, holm
from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.comparison.tables import differences_table, letters_of, scores_table, verdicts
from evaluation.inputs.references import References
from evaluation.score import score_predictions
from evaluation.tables.table import Table
from tasks.editions import load_edition
from tasks.nouns import InputError, Task, Value
from tests.evaluation.comparing import CUIS, IDS, N, compared, run_compare, submission

CT, MRI, XRAY, CHEST, ABDOMEN = "C0040405", "C0024485", "C1306645", "C0817096", "C0000726"
TRUTHS: dict[str, Value] = {i: tuple(CUIS[n % 3].split(";")) for n, i in enumerate(IDS)}
POOR: dict[str, Value] = dict.fromkeys(IDS, (ABDOMEN,))
FAIR: dict[str, Value] = {i: truth if n % 3 == 0 else (ABDOMEN,) for n, (i, truth) in enumerate(TRUTHS.items())}
NEAR: dict[str, Value] = {**FAIR, IDS[1]: TRUTHS[IDS[1]]}
SYSTEMS = {"poor": POOR, "fair": FAIR, "near": NEAR}


def found(systems: dict[str, dict[str, Value]] | None = None, **options: Any) -> Comparisons:
    how: dict[str, Any] = {"metrics": ["f1", "recall"], "trials": 200, **options}
    edition = load_edition(2026, Task.CONCEPTS)
    return compare_systems(systems or SYSTEMS, References(TRUTHS), task=Task.CONCEPTS, edition=edition, **how)


def cells(table: Table, column: str) -> list[tuple[str, bool, str]]:
    place = [one.title for one in table.columns].index(column)
    return [(row[place].text, row[place].best, row[place].marks) for row in table.rows]


def values(table: Table, column: str) -> list[Any]:
    place = [one.title for one in table.columns].index(column)
    return [row[place].value for row in table.rows]


def test_the_scores_with_the_best_in_bold_and_a_star_where_one_differs() -> None:
    comparisons = found()
    table = scores_table(comparisons)
    assert [column.title for column in table.columns] == ["run", "f1", "recall"]
    assert cells(table, "f1") == [("0.1667", False, ""), ("0.5000", False, "*"), ("0.5083", True, "*")]
    assert values(table, "f1") == [one.scores["f1"].value for one in comparisons.scores]
    title = "Concept detection, edition 2026, valid, n = 120 images: scores, the best in bold. * differs from poor"
    assert table.title.startswith(title)
    for named in ("approximate randomisation", "Holm's correction", "p < 0.05"):
        assert named in table.title
    assert "200 trials" in table.notes[0] and "2 comparisons of a score" in table.notes[0]
    assert table.label == "concept-detection-scores"


def test_equal_scores_have_no_best() -> None:
    table = scores_table(found({"a": FAIR, "b": dict(FAIR)}))
    assert [best for _, best, _ in cells(table, "f1")] == [False, False]
    tied = scores_table(found({"a": POOR, "b": FAIR, "c": dict(FAIR)}))
    assert [best for _, best, _ in cells(tied, "f1")] == [False, True, True]


def test_all_pairs_have_letters_of_those_that_are_beaten() -> None:
    comparisons = found(all_pairs=True)
    pairs = [(p.baseline, p.system) for p in comparisons.pairings if p.metric == "f1"]
    assert pairs == [("poor", "fair"), ("poor", "near"), ("fair", "near")]
    p_values = [p.p_randomisation for p in comparisons.pairings if p.metric == "f1"]
    assert [p.p_holm for p in comparisons.pairings if p.metric == "f1"] == holm(p_values)
    table = scores_table(comparisons)
    assert cells(table, "#") == [("a", False, ""), ("b", False, ""), ("c", False, "")]
    assert cells(table, "f1") == [("0.1667", False, ""), ("0.5000", False, "a"), ("0.5083", True, "a")]
    assert "3 comparisons of a score" in table.notes[0] and "letters of the runs that it beats" in table.title
    turned = scores_table(found(dict(reversed(SYSTEMS.items())), all_pairs=True))
    assert [marks for _, _, marks in cells(turned, "f1")] == ["c", "c", ""]  # the better one has the mark, in any order


def test_a_pair_of_all_pairs_is_tested_as_alone() -> None:
    pairing = next(p for p in found(all_pairs=True).pairings if (p.baseline, p.system) == ("fair", "near"))
    edition = load_edition(2026, Task.CONCEPTS)
    near, fair = (
        score_predictions(own, References(TRUTHS), task=Task.CONCEPTS, edition=edition).scores["f1"].statistics
        for own in (NEAR, FAIR)
    )
    alone = compare(near, fair, trials=200, seed=0)
    assert (pairing.difference, pairing.ci) == (alone.difference, alone.ci)
    assert (pairing.p_bootstrap, pairing.p_randomisation) == (alone.p_bootstrap, alone.p_randomisation)


def test_letters_go_on_after_z() -> None:
    letters = letters_of([str(n) for n in range(60)])
    assert [letters[str(n)] for n in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_the_differences_with_images_won_and_lost() -> None:
    comparisons = found()
    table = differences_table(comparisons)
    assert values(table, "score") == ["f1", "f1", "recall", "recall"]
    assert [text for text, _, _ in cells(table, "score")] == ["f1", "", "recall", ""]
    assert values(table, "wins")[:2] == [40, 41]
    assert [sum(row) for row in zip(*(values(table, name) for name in ("wins", "ties", "losses")), strict=True)] == [
        N
    ] * 4
    assert values(table, "p Holm") == [p.p_holm for p in comparisons.pairings]
    assert values(table, "diff. low") == [p.ci[0] for p in comparisons.pairings] and "95 % intervals" in table.notes[0]
    assert table.sections == {0, 2}


def test_every_difference_in_words() -> None:
    said = verdicts(found({"fair": FAIR, "near": NEAR}))
    assert said[0] == "near against fair: the gain of .008 in f1 is noise (p = 1.00)"
    assert verdicts(found())[0] == "fair against poor: the gain of .333 in f1 is more than noise (p = .010)"


def test_a_group_is_compared_as_its_images_alone() -> None:
    comparisons = found(by=["modality"], metrics=["f1"])
    (breakdown,) = comparisons.breakdowns
    assert [(group.name, group.n) for group in breakdown.groups] == [("CT", 40), ("MRI", 40), ("X-ray", 40)]
    mri = breakdown.groups[1]
    ids = IDS[1::3]
    alone = compare_systems(
        {name: {i: own[i] for i in ids} for name, own in SYSTEMS.items()},
        References({i: TRUTHS[i] for i in ids}),
        task=Task.CONCEPTS,
        edition=load_edition(2026, Task.CONCEPTS),
        metrics=["f1"],
        trials=200,
    )
    for ours, theirs in zip(mri.pairings, alone.pairings, strict=True):
        assert (ours.difference, ours.ci, ours.p_randomisation) == (
            theirs.difference,
            theirs.ci,
            theirs.p_randomisation,
        )
        assert (ours.wins, ours.ties, ours.losses) == (theirs.wins, theirs.ties, theirs.losses)
    assert [own["f1"].value for own in mri.scores] == [one.scores["f1"].value for one in alone.scores]
    assert [own["f1"].ci for own in mri.scores] == [one.scores["f1"].ci for one in alone.scores]
    every = [pairing for group in breakdown.groups for pairing in group.pairings]
    assert [p.p_holm for p in every] == holm([p.p_randomisation for p in every])  # over all groups
    (table,) = breakdown_tables(comparisons)
    assert values(table, "modality") == [name for name in ("CT", "MRI", "X-ray") for _ in SYSTEMS]
    assert values(table, "n")[::3] == [40, 40, 40]
    assert "95 % intervals, too narrow where n is below 100;" in table.notes[0]
    assert "6 comparisons of this table" in table.notes[0] and "by the true concepts of each image" in table.notes[0]


def test_a_score_that_counts_no_image_of_a_group_is_left_out_there() -> None:
    gold = References(TRUTHS, secondary={i: (CT,) if n % 3 == 0 else () for n, i in enumerate(IDS)})
    edition = load_edition(2026, Task.CONCEPTS)
    comparisons = compare_systems(
        SYSTEMS, gold, task=Task.CONCEPTS, edition=edition, trials=50, metrics=["f1", "f1_secondary"], by=["modality"]
    )
    (breakdown,) = comparisons.breakdowns
    assert [(group.name, group.n) for group in breakdown.groups] == [("none", 80), ("CT", 40)]
    assert [set(group.scores[0]) for group in breakdown.groups] == [{"f1"}, {"f1", "f1_secondary"}]
    json.dumps(comparisons.to_json(), allow_nan=False)
    f1, secondary = breakdown_tables(comparisons)
    assert (len(f1.rows), len(secondary.rows)) == (6, 3)


def test_the_number_of_concepts_and_the_words_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    (breakdown,) = found(by=["concepts"]).breakdowns
    assert [(group.name, group.n) for group in breakdown.groups] == [("1", 40), ("2", 40), ("3", 40)]
    with pytest.raises(InputError, match="--by length: lists of concepts have no words"):
        found(by=["length"])
    texts: dict[str, Value] = {i: " ".join(["word"] * (1 + n % 100)) for n, i in enumerate(IDS)}
    options: dict[str, Any] = {"task": Task.CAPTIONS, "edition": load_edition(2026, Task.CAPTIONS), "trials": 20}
    systems = {"a": texts, "b": {**texts, IDS[0]: "other"}}
    of_length = compare_systems(systems, References(texts), **options, metrics=["rouge1"], by=["length"])
    names = [(group.name, group.n) for group in of_length.breakdowns[0].groups]
    assert names == [("0–10", 20), ("11–20", 20), ("21–40", 20), ("41–80", 40), ("81 or more", 20)]
    with pytest.raises(InputError, match="--by modality: no name of a concept is found in the 120 references"):
        compare_systems(systems, References(texts), **options, metrics=["rouge1"], by=["modality"])
    with pytest.raises(InputError, match="--by modality"), monkeypatch.context() as own:
        own.setattr("evaluation.comparison.systems.score_systems", None)  # it is said before the work
        compare_systems(systems, References(texts), **options, by=["length", "modality"])
    with pytest.raises(InputError, match=r"--by concepts: the data set has no concepts .* --vocabulary"):
        compare_systems(systems, References(texts), **options, metrics=["rouge1"], by=["concepts"])


def test_the_modality_of_a_text_is_that_of_its_image_or_of_its_words() -> None:
    texts: dict[str, Value] = {i: ("Axial CT" if n % 2 else "A radiograph") for n, i in enumerate(IDS)}
    options: dict[str, Any] = {"task": Task.CAPTIONS, "edition": load_edition(2026, Task.CAPTIONS), "trials": 20}
    options |= {"metrics": ["rouge1"], "by": ["modality"]}
    others: dict[str, Value] = dict.fromkeys(IDS, "Axial CT")
    systems = {"a": texts, "b": others}
    of_words = compare_systems(systems, References(texts), **options).breakdowns[0]
    assert {group.name: group.n for group in of_words.groups} == {"CT": 60, "X-ray": 60}
    assert of_words.how == "by the concepts whose names are found in the references"
    of_data = References(texts, concepts_of_data=lambda: dict.fromkeys(IDS, (MRI,)))
    by_data = compare_systems(systems, of_data, **options).breakdowns[0]
    assert {group.name: group.n for group in by_data.groups} == {"MRI": N}
    assert by_data.how == "by the concepts that the data set has for each image"


def test_groups_of_patients_are_drawn_whole_within_a_group_of_images() -> None:
    comparisons = found(metrics=["f1"], trials=100)
    patients = [f"p{n // 40}" for n in range(N)]
    options: dict[str, Any] = {"metrics": ["f1"], "pairs": [(1, 0)], "trials": 100, "seed": 0}
    of = grouping_of("modality", IDS, References(TRUTHS)), comparisons.names, comparisons.scores
    apart = broken_down(*of, **options)
    together = broken_down(*of, **options, groups=patients)
    assert apart.groups[0].pairings[0].p_randomisation < 0.05
    assert together.groups[0].pairings[0].p_randomisation > 0.1  # three patients swap in eight ways


def test_too_few_trials_for_the_groups_is_said() -> None:
    comparisons = found(by=["modality"], metrics=["f1"], trials=100)
    assert "with 100 trials no p Holm by modality can fall below 0.059: --trials 1000 can tell" in comparisons.warnings


def test_the_verb_writes_every_form(tmp_path: Path) -> None:
    gold = submission(tmp_path / "concepts.csv", *CUIS)
    files = [submission(tmp_path / "50%_a.csv", "C0817096"), submission(tmp_path / "b.csv", "C0040405", "C0817096")]
    outs = [tmp_path / "out" / f"table.{form}" for form in ("md", "csv", "tex", "html")]
    options = ("--task", 1, "--references", gold, "--metrics", "f1", "--trials", 400, "--by", "modality")
    result = run_compare(*files, *options, *(part for out in outs for part in ("--out", out)))
    assert result.exit_code == 0, result.output
    markdown, commas, tex, html = (out.read_text(encoding="utf-8") for out in outs)
    assert "| 50%\\_a |" in markdown and "<td>50%_a</td>" in html and r"50{\%}{\_}a &" in tex
    assert tex.count(r"\begin{table}") == 3 and markdown.count("| ---") >= 3 and html.count("<table>") == 3
    parts = [list(csv.reader(part.splitlines())) for part in commas.split("\n\n")]
    assert [part[0][:3] for part in parts] == [
        ["run", "f1"],
        ["score", "system", "baseline"],
        ["modality", "n", "run"],
    ]
    assert all(len(set(part[0])) == len(part[0]) for part in parts)  # so that any reader tells the columns apart
    as_json = compared(*files, *options)
    assert float(parts[0][1][1]) == as_json["systems"][0]["scores"]["f1"]["value"]
    groups = as_json["breakdowns"][0]["groups"]
    assert [group["n"] for group in groups] == [40, 40, 40] and groups[0]["comparisons"][0]["system"] == "b"


def test_files_are_tried_before_the_work_and_never_what_is_compared(tmp_path: Path) -> None:
    gold = submission(tmp_path / "concepts.csv", *CUIS)
    files = [submission(tmp_path / "a.csv", "C0817096"), submission(tmp_path / "b.csv", "C0040405", "C0817096")]
    before = files[0].read_bytes()
    options = ("--task", 1, "--references", gold, "--metrics", "f1", "--trials", 50)
    for out, message in {
        tmp_path / "table.docx": "end the name in",
        files[0]: "belongs to what is scored",
        gold: "belongs to what is scored",
        tmp_path: "end the name in",
    }.items():
        result = run_compare(*files, *options, "--out", tmp_path / "good.md", "--out", out)
        assert isinstance(result.exception, InputError) and message in str(result.exception)
        assert result.stdout == "" and not (tmp_path / "good.md").exists()
    twice = run_compare(*files, *options, "--out", tmp_path / "x.md", "--out", tmp_path / "x.md")
    assert isinstance(twice.exception, InputError)
    assert files[0].read_bytes() == before


def test_the_terminal_shows_letters_and_groups(tmp_path: Path) -> None:
    gold = submission(tmp_path / "concepts.csv", *CUIS)
    files = [
        submission(tmp_path / "a.csv", "C0817096"),
        submission(tmp_path / "b.csv", "C0040405", "C0817096", "C0817096"),
    ]
    options = ("--task", 1, "--references", gold, "--metrics", "f1", "--trials", 400)
    shown = run_compare(*files, *options, "--all-pairs", "--by", "concepts").stdout
    assert "beats" in shown and "letters are the systems that it beats" in shown
    assert next(line for line in shown.splitlines() if line.startswith("  b b")).split()[-1] == "a"
    assert "f1 by concepts" in shown and "Groups by the number of true concepts of each image" in shown
