"""The step `strip_echo`: what a model writes round its answer goes, and nothing of the answer.

strip_echo("USER: What is shown? ASSISTANT: The image shows a CT of the chest.</s>", prompt="What is shown?")
# "A CT of the chest."

In front, as often as it comes: the prompt itself, whatever its blanks and capitals; marks of a chat's template; a
speaker (`Answer:`), an instruction or question, a courtesy (`Sure! Here is the caption:`), each to its end; and `The
image shows` where an article follows. Behind: what comes after a mark that ends a turn or begins another. Anywhere:
image and other special tokens. Refusals (`I cannot ...`) and pieces of words (`##monia`) are no echo and stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.check_texts import ECHO, REMAINS

_REFUSAL = re.compile(r"[\W_]*(?:as an ai\b|i\b|lo siento\b)", re.IGNORECASE)
_PIECE = re.compile(r"##[a-z]|[\u0120\u010a\u2581]", re.IGNORECASE)
"""What `REMAINS` finds too, though it is part of a word."""
_ROLE = re.compile(r"(?:<\|(?:im_start|start_header_id)\|>|<start_of_turn>)(?:assistant|user|system|model)\b")
_TO_ITS_END = re.compile(r"[^.:?!\n]*(?:[.:?!]+|\n|$)")
_BLANK = re.compile(r"\s+")
_DRESS = re.compile(r"\**\s*")
_TURN = re.compile(
    r"""</s>|<\|(?:im_start|im_end|eot_id|start_header_id|end_of_text|endoftext)\|>|<(?:end|start)_of_turn>|<eos>
    |\[/?INST\]
    |\b(?:USER|ASSISTANT|HUMAN|SYSTEM)\ ?:
    |\#\#\#\ ?(?:[Ii]nstruction|[Rr]esponse|[Ii]nput|[Hh]uman|[Aa]ssistant)\b
    """,
    re.VERBOSE,
)
_SHOWS = re.compile(
    r"(?:(?:this|the) (?:medical |radiology |radiological )?(?:image|picture|figure) "
    r"(?:shows|depicts|displays|demonstrates) (?=(?:an?|the)\b)"
    r"|(?:esta|la) imagen (?:médica |radiológica )?muestra (?=(?:una?|el|la|los|las)\b))",
    re.IGNORECASE,
)


def strip_echo(text: str, prompt: str) -> str:
    """The answer in `text`; empty when all of it is echo, and `text` itself when nothing is."""
    words = REMAINS.sub(" ", prompt).split()
    rest, before = text.strip(), ""
    while rest != before:
        before, rest = rest, _without_front(rest, words).lstrip()
    if turn := _TURN.search(rest):
        rest = rest[: turn.start()]
    rest = _without_tokens(rest).strip()
    return text if rest == text.strip() else rest


def _without_front(text: str, words: Sequence[str]) -> str:
    """The text without the first thing in front of the answer."""
    if token := _ROLE.match(text) or _token(text, 0):
        return text[token.end() :]
    if after := _after(text, words):
        return text[after:]
    if (echo := ECHO.match(text)) and not _REFUSAL.match(text):
        end = echo.end() if echo[1][-1] in ":?!,." else _to_its_end(text, echo.end())
        dress = _DRESS.match(text, end)
        return text[dress.end() if dress else end :]
    if shows := _SHOWS.match(text):
        return text[shows.end()].upper() + text[shows.end() + 1 :]
    return text


def _without_tokens(text: str) -> str:
    """The text without the marks in it, and one blank at most where one was."""
    tokens = [token for token in REMAINS.finditer(text) if not _PIECE.match(token[0])]
    kept, at = "", 0
    for token in tokens:
        kept = _joined(kept, text[at : token.start()]) if at else text[: token.start()]
        at = token.end()
    return _joined(kept, text[at:]) if tokens else text


def _joined(left: str, right: str) -> str:
    right = right.lstrip(" \t")
    blank = "" if not right or right[0] in ".,;:!?)\n" else " "
    return left.rstrip(" \t") + blank + right


def _token(text: str, at: int) -> re.Match[str] | None:
    """The mark of a template that stands there."""
    token = REMAINS.match(text, at)
    return None if token is None or _PIECE.match(token[0]) else token


def _to_its_end(text: str, start: int) -> int:
    end = _TO_ITS_END.match(text, start)
    return end.end() if end else len(text)


def _after(text: str, words: Sequence[str]) -> int:
    """Where the prompt, of these words, ends in the text that begins with it; 0 when the text does not."""
    at = 0
    for word in words:
        while (gap := _BLANK.match(text, at) or _token(text, at)) is not None:
            at = gap.end()
        if text[at : at + len(word)].casefold() != word.casefold():
            return 0
        at += len(word)
    glued = 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
    return 0 if glued else at
