"""The spellings under which a concept's name is looked for, and text brought to the same spelling.

fold("Pleural  EFFUSIÓN, left-sided.")      # "pleural effusion , left sided ."
spellings("Pneumonia, Bacterial")           # "pneumonia , bacterial", "bacterial pneumonia", "bacterial pneumonias"
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_MARKS = {ord(mark): " " for mark in "-_/\\'\"`()[]{}<>*=+|~#@^&%$«»“”‘’´•·–—‐‑−→…"}
_MARKS |= {ord(mark): " . " for mark in ";:?!\n"}
_SHORTEST = 3
"""Letters a word needs to have a plural."""


def fold(text: str) -> str:
    """Words in lower case without accents, one blank apart; ` . ` ends a sentence, ` , ` is a comma."""
    text = text.casefold()
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = text.translate(_MARKS) + " "
    return " ".join(text.replace(". ", " . ").replace(", ", " , ").split())


def spellings(name: str) -> Iterator[str]:
    """The name folded, then its other spellings: turned round at the comma, hyphens closed, singular and plural."""
    plain = fold(name)
    forms = [plain]
    if " , " in plain:
        forms.append(" ".join(reversed(plain.split(" , "))))
    if "-" in name:
        forms.append(fold(name.replace("-", "")))
    yield from forms
    for form in forms if not name.isupper() else ():  # CT, MRI
        yield from _other_number(form)


def _other_number(form: str) -> Iterator[str]:
    """The form with its last word, its first word, or (as Spanish has it) all words in the other number."""
    words = form.split()
    for n in {0, len(words) - 1}:
        for other in _numbers(words[n]) if words else ():
            yield " ".join([*words[:n], other, *words[n + 1 :]])
    if len(words) > 1:
        yield " ".join(next(_numbers(word), word) for word in words)


def _numbers(word: str) -> Iterator[str]:
    """Possible plurals and singulars of a word; those that do not exist do no harm, no text holds them."""
    if len(word) < _SHORTEST or not word.isalpha():
        return
    if word[-1] in "aeiou":
        yield word + "s"
    else:
        yield from (word + "es", word + "s")
    for end, other in (("y", "ies"), ("is", "es"), ("us", "i"), ("a", "ae"), ("um", "a"), ("ae", "a")):
        if word.endswith(end):
            yield word.removesuffix(end) + other
    if len(word) > _SHORTEST + 1 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
        for end, other in (("ies", "y"), ("es", ""), ("es", "is")):
            if word.endswith(end):
                yield word.removesuffix(end) + other
