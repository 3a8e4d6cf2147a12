"""BLEU, CIDEr-D and ROUGE against the reference packages, on random corpora, real captions and their edge cases."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.measure.texts import MEASURES, measure_texts
from evaluation.measure.words import Texts, Words
from evaluation.metrics import sentence_bleu, tokens
from evaluation.metrics.ngrams import CHUNK, References, bleu, cider, count, rouge
from evaluation.metrics.rouge import coco_rouge_l, rouge_score_l, rouge_words, stemmed
from evaluation.profiles import Profile, profile_of
from evaluation.statistics import Measured
from tasks.editions import load_edition
from tasks.nouns import Task

ROCO = Path(__file__).parents[3] / "shared" / "data" / "roco" / "captions.csv"
WORDS = st.lists(st.sampled_from(["ct", "of", "the", "chest", "mass", "3.5", "µm"]), max_size=12).map(" ".join)
CORPUS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12)
ENDINGS = [*"s ed y e ing ies ied eed sses ll ational ization alli fulli logi ement ion ative ness al ize".split(), ""]  # noqa: SIM905
INFLECTED = st.builds(str.__add__, st.text("aeioubcdlstzwxy0", max_size=5), st.sampled_from(ENDINGS))
TEXTS = st.lists(
    st.tuples(*[st.one_of(st.text(max_size=30), st.lists(INFLECTED, max_size=8).map(" ".join))] * 2),
    min_size=1,
    max_size=6,
)
Corpus = list[tuple[str, str]]


def coco(corpus: Corpus) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References and candidates as pycocoevalcap wants them."""
    return {i: [pair[1]] for i, pair in enumerate(corpus)}, {i: [pair[0]] for i, pair in enumerate(corpus)}


def sides(corpus: Corpus) -> tuple[list[str], list[str]]:
    return [pair[0] for pair in corpus], [pair[1] for pair in corpus]


def real_captions() -> list[str]:
    """Those of a ROCOv2 excerpt; skips the test where it is not here."""
    if not ROCO.exists():
        pytest.skip("the real captions of ../shared/data/roco are not here")
    with ROCO.open(encoding="utf-8", newline="") as file:
        return [row[1] for row in csv.reader(file)][1:]


def real_corpus() -> Corpus:
    """Real captions, each beside itself with words dropped, moved and replaced by those of another."""
    captions, chance = real_captions(), random.Random(0)
    pairs = []
    for caption, other in zip(captions, chance.sample(captions, len(captions)), strict=True):
        words = [word for word in caption.split(" ") if chance.random() < 0.8]
        pairs.append((" ".join([*words[3:], *words[:3], *other.split(" ")[: chance.randrange(6)]]), caption))
    return pairs


def equal(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def check_coco(corpus: Corpus) -> None:
    """BLEU-1 to 4, CIDEr-D and ROUGE-L of a corpus and of each image are those of pycocoevalcap."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    counted = count(*sides(corpus))
    values, images = Bleu(4).compute_score(*coco(corpus), verbose=0)
    for k in range(4):
        ours = bleu(counted, k + 1)
        equal(ours.value, values[k])
        equal(ours.per_image, images[k])
    others = [(coco_rouge_l(*sides(corpus)), Rouge())]
    if any(reference for _, reference in corpus):  # Cider raises ValueError without
        others.append((cider(counted), Cider()))
    for ours, scorer in others:
        value, image = scorer.compute_score(*coco(corpus))
        equal(ours.value, value)
        equal(ours.per_image, image)


def check_rouge_score(corpus: Corpus) -> None:
    """ROUGE-1, 2 and L of each pair are those of rouge-score, to the last bit, without and with stemmer."""
    from rouge_score.rouge_scorer import RougeScorer

    for use_stemmer in (False, True):
        scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=use_stemmer)
        expected = [scorer.score(reference, candidate) for candidate, reference in corpus]
        words = [[rouge_words(text) for text in side] for side in sides(corpus)]
        if use_stemmer:
            words = [[stemmed(text) for text in side] for side in words]
        counted = References(words[1]).count(words[0], orders=2, cosine=False)
        for name, ours in {
            "rouge1": rouge(counted, 1),
            "rouge2": rouge(counted, 2),
            "rougeL": rouge_score_l(*words),
        }.items():
            assert ours.per_image.tolist() == [found[name].fmeasure for found in expected]


@settings(deadline=None, max_examples=300)
@given(CORPUS)
def test_coco_metrics_equal_pycocoevalcap(corpus: Corpus) -> None:
    check_coco(corpus)


def test_coco_metrics_equal_pycocoevalcap_on_real_captions() -> None:
    corpus = real_corpus()
    ours, theirs = sides(corpus)
    check_coco(list(zip(tokens.ptb(ours)[0], tokens.ptb(theirs)[0], strict=True)))
    check_coco([(tokens.r2gen(one), tokens.r2gen(other)) for one, other in corpus[: 2 * CHUNK + 1]])


@settings(deadline=None, max_examples=300)
@given(st.one_of(CORPUS, TEXTS))
def test_rouge_equals_rouge_score(corpus: Corpus) -> None:
    check_rouge_score(corpus)


def test_rouge_equals_rouge_score_on_thousands_of_random_texts() -> None:
    chance = random.Random(0)
    letters, blanks = "aeiouyrstnldcm", [" ", " ", " ", ", ", "-", "\n", "\u00a0", " é", " 3.5 "]

    def text() -> str:
        words = ["".join(chance.choices(letters, k=chance.randrange(1, 5))) for _ in range(chance.randrange(12))]
        return "".join(word + chance.choice(ENDINGS) + chance.choice(blanks) for word in words)

    check_rouge_score([(text(), text()) for _ in range(3000)])


def test_rouge_equals_rouge_score_on_real_captions() -> None:
    check_rouge_score(real_corpus())


LONG = st.lists(st.sampled_from(["ct", "of", "the", "chest", "mass", "3.5"]), min_size=4, max_size=12).map(" ".join)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(LONG, LONG), min_size=1, max_size=12))
def test_bleu_equals_sacrebleu_and_nltk_on_texts_of_four_words(corpus: Corpus) -> None:
    """Those of COCO add 1e-15 to counts and 1e-9 to sums, which is seen in the tenth digit."""
    from nltk.translate.bleu_score import corpus_bleu  # type: ignore[import-untyped]
    from sacrebleu.metrics.bleu import BLEU

    ours, theirs = sides([*corpus, ("of the chest mass", "of the chest mass")])  # one match of four words at least
    value = bleu(count(ours, theirs), 4).value
    tenth = 1e-8
    found = BLEU(tokenize="none", smooth_method="none", force=True).corpus_score(ours, [theirs])
    assert found.score / 100 == pytest.approx(value, abs=tenth)
    split = [[text.split()] for text in theirs], [text.split() for text in ours]
    assert corpus_bleu(*split) == pytest.approx(value, abs=tenth)


@pytest.mark.filterwarnings("ignore:[^.]*counts of 4-gram overlaps")
def test_where_bleus_differ() -> None:
    """Without a match of four words; texts of fewer words, which NLTK counts as one n-gram; COCO's constants."""
    from nltk.translate.bleu_score import corpus_bleu
    from sacrebleu.metrics.bleu import BLEU

    def found(ours: list[str], theirs: list[str]) -> tuple[float, float, float]:
        sacre = BLEU(tokenize="none", smooth_method="none", force=True).corpus_score(ours, [theirs]).score / 100
        nltk = corpus_bleu([[text.split()] for text in theirs], [text.split() for text in ours])
        return bleu(count(ours, theirs), 4).value, sacre, nltk

    coco_bleu, sacre, nltk = found(["a b c d x"], ["a b c x d"])
    assert sacre == 0.0
    assert 0 < nltk < 1e-70 < coco_bleu < 0.01
    coco_bleu, sacre, nltk = found(["a b c d e", "f g"], ["a b c d e", "f g"])
    assert coco_bleu == pytest.approx(1, abs=1e-8)
    assert sacre == pytest.approx(1)
    # Of its two trigrams and one fourgram more, which no text has, none matches.
    assert nltk == pytest.approx((1 * 1 * (3 / 4) * (2 / 3)) ** 0.25)
    coco_bleu, sacre, nltk = found(["a b c"], ["a b c"])
    assert coco_bleu == pytest.approx((1e-15 / 1e-9) ** 0.25)
    assert sacre == 0.0


def test_several_systems_are_counted_as_if_alone() -> None:
    references = References(["a b c", "b c d", ""])
    systems = [["a b", "x y z", ""], ["", "b c d", "new words"], ["a b c", "b c d", ""]]
    for system in systems:
        together, alone = references.count(system), count(system, ["a b c", "b c d", ""])
        for one, other in zip(together, alone, strict=True):
            for name in ("candidate", "reference", "correct", "cosine"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_vocabulary_too_large_for_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where key and position do not fit into 64 bits they are sorted apart, with the same counts."""
    chance = random.Random(0)
    texts = [" ".join(chance.choices("abcdef", k=9)) for _ in range(40)]
    expected = cider(count(texts[:20], texts[20:])).per_image
    real = References(texts[20:])
    real._numbers.update((f"w{i}", i) for i in range(20))  # `len` makes the keys, as if the words were far more

    class Many(type(real._numbers)):  # type: ignore[misc]
        def __len__(self) -> int:
            return 2**36

    many = Many(real._numbers.default_factory, real._numbers)
    monkeypatch.setattr(real, "_numbers", many)
    np.testing.assert_array_equal(cider(real.count(texts[:20])).per_image, expected)


def test_known_values() -> None:
    # By hand: 4 of 5 words, 3 of 4 bigrams; the candidate is longer, so there is no brevity penalty.
    counted = count(["a ct of the chest"], ["ct of the chest"])
    assert bleu(counted, 1).value == pytest.approx(4 / 5)
    assert bleu(counted, 2).value == pytest.approx((4 / 5 * 3 / 4) ** 0.5)
    assert rouge(counted, 1).value == pytest.approx(8 / 9)
    assert rouge(counted, 2).value == pytest.approx(6 / 7)
    assert rouge_score_l(["a b x c"], ["a b c d"]).value == pytest.approx(3 / 4)
    assert coco_rouge_l(["a b x"], ["a b c d"]).value == pytest.approx((1 + 1.44) / 3 / (1 / 2 + 1.44 * 2 / 3))


def test_sides_must_pair() -> None:
    with pytest.raises(ValueError, match="2 candidates for 1 references"):
        count(["a", "b"], ["a"])
    for metric in (coco_rouge_l, rouge_score_l):
        with pytest.raises(ValueError, match="zip"):
            metric(["a", "b"], ["a"])


# What `measure_texts` makes of them.

EMPTY: dict[str, tuple[float, float, float]] = {
    **dict.fromkeys(["bleu1", "bleu2", "bleu3", "bleu4", "cider"], (0, 0, 0)),
    **dict.fromkeys(["rouge1", "rouge2", "rougeL", "rouge1_stem", "rouge2_stem", "rougeL_stem"], (0, 0, 1)),
    **dict.fromkeys(["bleu_sentence", "bleu_sentence_nltk33"], (0, 0, 1)),
}
"""Metric -> an empty prediction, an empty reference, both."""
PREDICTIONS, REFERENCES = ["", "ct of the chest", "", "a mass"], ["ct of the chest", "", "", "a mass"]


def profile(name: str = "imageclef", *, year: int = 2026, task: Task = Task.CAPTIONS) -> Profile:
    return profile_of(name, task=task, edition=load_edition(year, task))


def measured(systems: list[list[str]], references: list[str], convention: Profile) -> list[dict[str, Measured]]:
    """The metrics computed here, without those that look for Java or a dictionary."""
    apart = {"meteor", "spice", "medcat_surrogate"}
    names = [name for name in convention.roles if name in MEASURES and name not in apart]
    return measure_texts(systems, references, profile=convention.only(names))


@pytest.mark.parametrize("convention", [profile(), profile(year=2022), profile(task=Task.REPORTS), profile("coco")])
def test_what_empty_texts_count(convention: Profile) -> None:
    [found] = measured([PREDICTIONS], REFERENCES, convention)
    assert {"bleu4", "rougeL", "cider"} <= found.keys()
    for name, one in found.items():
        equal(one.statistics.per_image[:3], np.array(EMPTY[name]))
        assert 0 < one.statistics.value <= 10


def test_an_empty_report_is_a_full_stop_to_r2gen() -> None:
    [found] = measured([["", "clear", ""]], ["clear", "", ""], profile("r2gen", task=Task.REPORTS))
    equal(found["rougeL"].statistics.per_image, [(1 + 1.44) / 2 / (1 / 2 + 1.44), (1 + 1.44) / 2 / (1 + 1.44 / 2), 1])
    assert found["bleu1"].statistics.per_image == pytest.approx([np.exp(-1), 1 / 2, 1], abs=1e-8)


@pytest.mark.parametrize("name", ["imageclef", "coco"])
def test_a_set_of_empty_texts_has_a_score(name: str) -> None:
    [found] = measured([["", ""]], ["", ""], profile(name))
    assert {metric: round(one.statistics.value, 12) for metric, one in found.items()} == {
        metric: float(metric.startswith("rouge") and (name == "imageclef" or metric == "rougeL")) for metric in found
    }


def test_where_nltks_versions_part_is_said() -> None:
    answers, truths = ["ct mass", "large left mass seen", "", "ct"], ["ct chest", "large left mass seen", "", "mass"]
    [found] = measured([answers], truths, profile(year=2018))
    old, new = (found[name] for name in ("bleu_sentence", "bleu_sentence_nltk33"))
    assert (old.statistics.per_image - new.statistics.per_image > 0).tolist() == [True, False, False, False]
    [said] = set(old.warnings) - set(new.warnings)
    assert said.startswith("1 of 4 captions have words but no four in a row of their reference")
    [found] = measured([truths], truths, profile(year=2018))
    assert {warning.split(" captions")[0] for warning in found["bleu_sentence"].warnings} == {
        *found["bleu_sentence_nltk33"].warnings,
        "2 of 4",
    }


def test_marks_only_are_empty_until_2024() -> None:
    for year, value in ((2022, 1.0), (2023, 1.0), (2024, 1.0), (2025, 0.0), (2026, 0.0)):
        [found] = measured([["...", "- -", "a"]], ["", ". .", "a"], profile(year=year))
        for name in ("rouge1", "rouge2", "rougeL", "rougeL_stem"):
            if name in found:
                assert found[name].statistics.per_image[:2].tolist() == [value] * 2, (year, name)
                assert bool(found[name].warnings) == bool(value)


@pytest.mark.parametrize("java", [True, False])
def test_the_words_of_one_side_do_not_depend_on_another(java: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full stop is read with the text behind it, and pycocoevalcap reads candidates and references apart."""
    if java and shutil.which("java") is None:
        pytest.skip("the PTB tokenizer needs Java")
    if not java:
        monkeypatch.setattr(shutil, "which", lambda _: None)
    sides = [["A mass.", "vitamin B."], ["The chest.", "see fig."], ["3 cm.", "The mass."]]
    found = Texts(sides[:2], sides[2], profile("coco"), None).words
    assert [*found.systems, found.references] == [
        ["a mass", "vitamin b."],
        ["the chest", "see fig"],
        ["3 cm", "the mass"],
    ]
    assert found.name == ("ptb" if java else "ptb-approx")


def test_words_that_java_made_of_one_side_only_are_called_approximate(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([(["a"], "ptb"), (["b"], "ptb-approx"), (["c"], "ptb")])
    monkeypatch.setattr(tokens, "ptb", lambda _: next(made))
    assert Texts([["A"], ["B"]], ["C"], profile("coco"), None).words == Words([["a"], ["b"]], ["c"], "ptb-approx")


def test_the_two_conventions_of_rouge_l_say_which_they_are() -> None:
    truths, answers = ["Axial CT (chest): 2 masses."], ["CT of 3 calcified mass, axial"]
    formulas, values = set(), set()
    for convention, metrics in (
        (profile(), ["rougeL", "rougeL_stem"]),
        (profile(year=2022), ["rougeL"]),
        (profile("r2gen", task=Task.REPORTS), ["rougeL"]),
    ):
        [found] = measure_texts([answers], truths, profile=convention.only(metrics))
        assert list(found) == metrics
        formulas |= {one.formula for one in found.values()}
        values |= {one.statistics.value for one in found.values()}
    assert formulas == {
        "tok:imageclef+rouge-score|stem:no|fmeasure|avg:image",
        "tok:imageclef+rouge-score|stem:porter|fmeasure|avg:image",
        f"tok:lower+punctuation+tokens+stopwords|nltk:{nltk_version()}+rouge-score|stem:no|fmeasure|avg:image",
        "tok:r2gen|coco|beta:1.2|avg:image",
    }
    assert len(values) == 4


def nltk_version() -> str:
    from importlib.metadata import version

    return version("nltk")


@pytest.mark.parametrize("year", [2021, 2022, 2023, 2026])
def test_rouge_is_that_of_rouge_score_on_the_words_of_the_edition(year: int) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    corpus = [("A CT of 2 chests, 3.5-cm masses", "CT: 2 the chest masses (3 cm)"), ("café of X-ray", "the x ray")]
    convention = profile(year=year)
    [found] = measured([[pair[0] for pair in corpus]], [pair[1] for pair in corpus], convention)
    steps = convention.preprocessing or ("lower", "digits", "punctuation")
    for name, one in found.items():
        if name.startswith("rouge"):
            kind, _, stemmer = name.partition("_")
            scorer = RougeScorer([kind], use_stemmer=bool(stemmer))
            cleaned = [sentence_bleu.preprocess(pair, steps) for pair in corpus]
            expected = [scorer.score(reference, candidate)[kind].fmeasure for candidate, reference in cleaned]
            assert one.statistics.per_image.tolist() == expected, name
    assert {"rouge2", "rougeL", "rouge1_stem"} <= found.keys()


def test_stemming_is_done_on_request() -> None:
    convention = profile()
    assert convention.on_request == {"rouge1_stem", "rouge2_stem", "rougeL_stem"}
    assert profile("coco").on_request == {"spice"}
    assert [profile(task=Task.REPORTS).roles[name] for name in ("rougeL", "rouge1", "rouge2")] == [
        *("primary", "extra", "extra")
    ]


def test_only_what_is_asked_for_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("it is not needed")

    one = [["a b"]], ["a b"]
    with monkeypatch.context() as without:
        without.setattr(tokens, "preprocessed", fail)
        found = measure_texts(*one, profile=profile(year=2018).only(["bleu_sentence"]))[0]
        assert found.keys() == {"bleu_sentence"}
    monkeypatch.setattr("evaluation.metrics.ngrams.References", fail)
    monkeypatch.setattr("evaluation.metrics.rouge.stemmed", fail)
    assert measure_texts(*one, profile=profile().only(["rougeL"]))[0]["rougeL"].statistics.value == 1.0
    assert measure_texts(*one, profile=profile().only([])) == [{}]
    assert measure_texts(*one, profile=profile("r2gen", task=Task.REPORTS).only(["rougeL"]))[0].keys() == {"rougeL"}


def test_rouge_is_the_same_with_and_without_the_metrics_it_shares_counts_with() -> None:
    words = ["the", "ct", "of", "chest", "naïve", "µm", "läsion", "3.5", "—"]
    draw = random.Random(3)
    references, *systems = ([" ".join(draw.choices(words, k=draw.randint(0, 9))) for _ in range(300)] for _ in range(4))
    whole = profile_of("imageclef", task=Task.CAPTIONS, edition=load_edition(2026, Task.CAPTIONS))
    alone = measure_texts(systems, references, profile=whole.only(["rouge1", "rouge2"]))
    together = measure_texts(systems, references, profile=whole.only(["rouge1", "rouge2", "bleu4", "cider"]))
    for one, other in zip(alone, together, strict=True):
        for metric in ("rouge1", "rouge2"):
            assert np.array_equal(one[metric].statistics.per_image, other[metric].statistics.per_image)
        assert 0 < one["rouge1"].statistics.value < 1


def test_each_text_is_preprocessed_once_for_all_metrics_and_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = tokens.preprocessed

    def preprocessed(text: str) -> str:
        seen.append(text)
        return real(text)

    monkeypatch.setattr(tokens, "preprocessed", preprocessed)
    systems, references = [["a", "b"], ["c", "d"], ["e", "f"]], ["g", "h"]
    together = measured(systems, references, profile())
    assert sorted(seen) == list("abcdefgh")
    for system, one in zip(systems, together, strict=True):
        [alone] = measured([system], references, profile())
        for name, metric in alone.items():
            np.testing.assert_array_equal(metric.statistics.rows, one[name].statistics.rows)
