"""The texts of a call as the words that its metrics count, each kind of words made when the first metric asks for it.

texts = Texts([["A chest x-ray."]], ["Chest x-ray"], profile=profile, vocabulary=None)
texts.words.systems, texts.words.name    # [["a chest xray"]], "imageclef"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

from evaluation.metrics import ngrams, rouge, sentence_bleu, tokens
from evaluation.profiles import Profile
from tasks.concepts import Vocabulary

COUNTED = frozenset({"cider", *(f"bleu{order}" for order in ngrams.ORDERS)})
"""The metrics for which `Texts.counted` is made anyway."""


@dataclass(frozen=True)
class Words:
    """The texts as words, separated by blanks."""

    systems: Sequence[Sequence[str]]
    references: Sequence[str]
    name: str
    """Of the tokenizer."""

    def each(self, clean: Callable[[str], str], *, name: str) -> Words:
        """Every text after one more step."""
        ours = [[clean(text) for text in texts] for texts in self.systems]
        return Words(ours, [clean(text) for text in self.references], name)

    def counted(self, *, orders: int = 4, cosine: bool = False) -> list[tuple[ngrams.Order, ...]]:
        """The n-grams of each system beside those of the references."""
        references = ngrams.References(self.references)
        return [references.count(texts, orders=orders, cosine=cosine) for texts in self.systems]

    def recounted(self, other: Words, counted: Sequence[tuple[ngrams.Order, ...]]) -> list[tuple[ngrams.Order, ...]]:
        """The counts of other words, where only pairs whose words differ need be counted again; without cosines."""
        found = []
        for ours, theirs, orders in zip(self.systems, other.systems, counted, strict=True):
            pairs = zip(ours, theirs, self.references, other.references, strict=True)
            changed = [n for n, (one, before, truth, its) in enumerate(pairs) if one != before or truth != its]
            again = ngrams.References([self.references[n] for n in changed])
            recounted = again.count([ours[n] for n in changed], orders=len(orders), cosine=False)
            found.append(tuple(one.with_images(changed, new) for one, new in zip(orders, recounted, strict=True)))
        return found


@dataclass(frozen=True)
class Texts:
    """The texts of a call, and what several metrics need of them, made when the first asks for it."""

    systems: Sequence[Sequence[str]]
    references: Sequence[str]
    profile: Profile
    vocabulary: Vocabulary | None

    @property
    def raw(self) -> Words:
        return Words(self.systems, self.references, "raw")

    @cached_property
    def words(self) -> Words:
        """The words that BLEU and CIDEr count."""
        if self.profile.name == "coco":
            (*systems, references), names = zip(*map(tokens.ptb, (*self.systems, self.references)), strict=True)
            return Words(systems, references, max(names))  # "ptb-approx" where Java failed on one of them
        if self.profile.name == "raw":
            return self.raw.each(lambda text: " ".join(text.split()), name="raw")
        if self.profile.name == "r2gen":
            return self.raw.each(tokens.r2gen, name="r2gen")
        return self.raw.each(tokens.preprocessed, name="imageclef")

    @cached_property
    def edition_words(self) -> Words:
        """The words of the organisers' own metrics."""
        steps = self.profile.preprocessing
        if not steps:
            return self.words
        ours = [sentence_bleu.preprocess(texts, steps) for texts in self.systems]
        name = f"{'+'.join(steps)}|nltk:{version('nltk')}"
        return Words(ours, sentence_bleu.preprocess(self.references, steps), name)

    @cached_property
    def rouge_words(self) -> Words:
        return self.edition_words.each(rouge.rouge_words, name=f"{self.edition_words.name}+rouge-score|stem:no")

    @cached_property
    def stemmed(self) -> Words:
        return self.rouge_words.each(rouge.stemmed, name=f"{self.edition_words.name}+rouge-score|stem:porter")

    @cached_property
    def counted(self) -> list[tuple[ngrams.Order, ...]]:
        return self.words.counted(cosine="cider" in self.profile.roles)

    @cached_property
    def edition_counted(self) -> list[tuple[ngrams.Order, ...]]:
        return self.edition_words.counted()

    @cached_property
    def rouge_counted(self) -> list[tuple[ngrams.Order, ...]]:
        orders = 2 if "rouge2" in self.profile.roles else 1
        if COUNTED.isdisjoint(self.profile.roles):
            return self.rouge_words.counted(orders=orders)
        # Most texts have the same words for both, and counting them is what takes the time.
        return self.rouge_words.recounted(self.words, [own[:orders] for own in self.counted])

    @cached_property
    def stemmed_counted(self) -> list[tuple[ngrams.Order, ...]]:
        return self.stemmed.counted(orders=2 if "rouge2_stem" in self.profile.roles else 1)

    @cached_property
    def both_empty(self) -> list[list[bool]]:
        """Of each system, the pairs that the organisers' evaluators count 1."""
        texts = self.edition_words if self.profile.empty_words_match else self.raw
        strip = str.strip if self.profile.empty_words_match else str
        return [
            [not (strip(one) or strip(other)) for one, other in zip(ours, texts.references, strict=True)]
            for ours in texts.systems
        ]
