"""What a caption or report should not be uploaded with although the organisers accept it.

Each doubt is told by the shape of the text alone: a prompt's or a chat's words in front, a tokenizer's marks, an end
that was cut off, a sentence said twice, another language than the task's, wrongly decoded letters, what may identify a
person. The rules are made for few false alarms: of 2,000 captions of ROCOv2 (ImageCLEF 2026) they doubt one, which does
repeat itself, and 28 with a date, a name or an address of the net; they find 552 of 1,706 that were cut between two
words, as many as end with a word that leads on:

    list(doubts("USER: <image> Describe the image. ASSISTANT: Chest X-ray showing a"))
    # [("prompt-echo", "the text begins with 'USER:'"), ("template-remains", "the text holds '<image>', 'ASSISTANT:'"),
    #  ("unfinished", "the text ends with 'a'")]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.mojibake import wrongly_decoded
from tasks.reports.privacy import identifying

ECHO = re.compile(
    r"""[\W_]*(
    (?:user|assistant|system|human|question|answer|instruction|prompt|response|caption|output
       |pregunta|respuesta|usuario|asistente|pie\ de\ foto)\ ?:(?=\W)
    |(?:please\ |can\ you\ |could\ you\ )?
     (?:describe|generate|write|provide|give|list|explain|summari[sz]e|produce|create|name|identify)[ ]
     [^.?!:\n]{0,80}?\b(?:images?|captions?|radiographs?|x-?rays?|pictures?|scans?|findings|concepts|reports?|cuis)\b
    |(?:describe|escribe|genera|enumera|lista|proporciona|explica|resume|redacta)[ ]
     [^.?!:\n]{0,80}?\b(?:im[aá]gen(?:es)?|pie\ de\ foto|radiograf[ií]as?|descripci[oó]n|conceptos|hallazgos|informe)\b
    |(?:what|which)\ (?:is|are|does|do|can)\ [^.!\n]{0,120}?\?
    |(?:cu[aá]l|qu[eé])\ [^.!\n]{0,120}?\?
    |(?:sure|certainly|of\ course|claro|por\ supuesto)\ ?[!,:.]
    |here(?:\ is|'s|’s|\ are)\ [^.:\n]{0,60}?\b(?:caption|description|report|findings|concepts)\b
    |aqu[ií]\ (?:est[aá]|tienes|va)\b
    |as\ an\ ai\b
    |the\ previous\ report\ of\ this\ patient:|el\ informe\ anterior\ de\ este\ paciente:
    |i(?:'m|’m|\ am)\ (?:sorry|unable|not\ able)\b
    |i\ can(?:not|'t|’t|\ not)\b
    |lo\ siento\b
    |you\ are\ an?\ [^.\n]{0,40}?(?:assistant|radiologist|expert)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""How an instruction, a question, a speaker or a chat's courtesy begins; no caption does."""
REMAINS = re.compile(
    r"""<\|[^|<>\s]{1,40}\|>                        # <|im_start|>, <|eot_id|>
    |</?(?!(?:sub|sup|b|i|x+)\b)[a-z][a-z_]{0,30}\d{0,3}>  # <image>, </s>, <unk>, <end_of_turn>
    |<0x[0-9a-f]{2}>
    |\[/?(?:INST|IMG|CLS|SEP|PAD|MASK|UNK|BOS|EOS)\]
    |<</?SYS>>
    |(?<!\w)\#\#[a-z]{1,20}\b                       # a piece of a word of BERT's
    |[\u0120\u010a\u2581](?=\w)                       # how byte-level and sentence pieces write a blank
    |(?-i:\b(?:USER|ASSISTANT|HUMAN|SYSTEM)\ ?:)
    |\#\#\#\ ?(?:instruction|response|input|human|assistant)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_REMAINS_SIGNS = ("<", "[", "#", "\u0120", "\u010a", "\u2581", "USER", "ASSISTANT", "HUMAN", "SYSTEM")
"""Without one of these nothing of `REMAINS` is there; looked for first, as it is quicker."""
ENDS = frozenset(".!?…。)]}\"'”’»")
_OPEN = frozenset(",([&")  # not + and -, as in `T1 with contrast +`
_LEADS_ON = (
    " the of in on at by with without and or to for from into within between is are was were which that than as "
    "showing shows demonstrating revealing its their this these his her an a "
    "el la los las un una de del al en con sin por para que se su muestra "
)
"""Words that need another one after them; in lower case only, as `hepatitis A` needs none."""
_SENTENCE_ENDS = re.compile(r"[.!?;]\s+")
_LONGEST_LOOP = 10


def doubts(text: str) -> Iterator[tuple[str, str]]:
    """Code and message of everything doubtful about one text; another language is told by `tasks.language`."""
    if not text.isascii():
        if "\ufffd" in text:
            yield "mojibake", "the text holds U+FFFD, the sign for a character that was lost"
        elif spoilt := wrongly_decoded(text):
            yield "mojibake", f"the text holds {spoilt[0]!r}, {spoilt[1]!r} decoded wrongly"
    if echo := ECHO.match(text):
        yield "prompt-echo", f"the text begins with {_short(echo[1])!r}"
    if any(map(text.__contains__, _REMAINS_SIGNS)):
        found = dict.fromkeys(match[0] for match in REMAINS.finditer(text, echo.end() if echo else 0))
        if found:
            yield "template-remains", f"the text holds {', '.join(map(repr, list(found)[:5]))}"
    if end := open_end(text):
        yield "unfinished", f"the text ends with {end!r}"
    if again := _said_twice(text.lower()):
        yield "repeated", f"the text repeats {_short(again)!r}"
    if personal := identifying(text):
        yield "identifying", f"the text holds {', '.join(map(_short, personal[:5]))}"


def open_end(text: str) -> str:
    """The comma, bracket or word at the end after which something must come; empty when the end is sound."""
    text = text.rstrip()
    if not text or text[-1] in ENDS:
        return ""
    if text[-1] in _OPEN:
        return text[-1]
    words = text.split()
    return words[-1] if len(words) > 2 and f" {words[-1]} " in _LEADS_ON else ""


def _said_twice(text: str) -> str:
    """The first sentence of four words or more that stands twice, or the words that go round."""
    words = text.split()
    if ". " in text:
        seen: set[str] = set()
        for sentence in _SENTENCE_ENDS.split(text):
            said = sentence.strip(" .!?;")
            if said in seen and said.count(" ") >= 3:
                return said
            seen.add(said)
    return _loop(words) if len(words) >= 4 and len(set(words)) <= len(words) * 2 // 3 else ""


def _loop(words: list[str]) -> str:
    """Words that follow upon themselves: one or two of them four times, up to ten of them three times."""
    for size in range(1, _LONGEST_LOOP + 1):
        times = 4 if size < 3 else 3
        run = 0
        for at in range(size, len(words)):
            run = run + 1 if words[at] == words[at - size] else 0
            if run >= size * (times - 1):
                return " ".join(words[at - size + 1 : at + 1])
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
