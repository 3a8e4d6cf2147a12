"""Answers held to a JSON schema, token by token, with llguidance (MIT, one wheel, no dependencies).

Of the libraries that do this, xgrammar 0.2.8 brings triton and takes tokenizers it cannot serve without a word, and
lm-format-enforcer 0.11 does not import beside transformers 5; llguidance 1.9 writes the right bytes with byte-level
and with sentencepiece's BPE and refuses the rest.

    schema = read_schema("report")                        # {"findings": ..., "impression": ..., "labels": {...}}
    constraint = Constraint(schema, "report", tokenizer, vocabulary=151936, ends=[151645], length=400)
    network.generate(**inputs, max_new_tokens=400, logits_processor=[constraint.processor()])

Where a model would end its answer and the schema does not let it, it ends the value it is at. An answer is finished
within its length: when the tokens left are just enough, the shortest ending is written, where
a value may be left open as null. A schema that lets one token open more than `_SLACK` others can outrun that; the
answer is then cut, and fails when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.nouns import InputError

if TYPE_CHECKING:
    import torch

_REPORT = Path(__file__).with_name("constrained_report.json")
_WHERE = "generation.json_schema"
_FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""As json.dumps writes, which is what models were trained on."""
_PROBE = '{"Findings": "No effusion, 2 cm.", "labels": {"Edema": [null, 1]}}'
_ENDINGS = b'}]"n' + bytes(range(48, 58)) + b"tf"
"""How an answer is brought to its end, best first: close the object, the list, the text; null before any value."""
_SLACK = 16
_MOST = 4096


def read_schema(name: str) -> dict[str, Any]:
    """The JSON schema `report`, or the one in a file; InputError with line and column when it is none."""
    path = _REPORT if name == "report" else Path(name)
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{_WHERE}: {name} cannot be read ({error.strerror}): give a file with a JSON schema, or `report`"
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(f"{_WHERE}: {path}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{_WHERE}: {path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    if not isinstance(schema, dict):
        raise InputError(f"{_WHERE}: {path}: a schema is an object, such as {{'type': 'object', 'properties': ...}}")
    return schema


@dataclass
class _State:
    """Where an answer is in the schema."""

    matcher: Any
    tail: tuple[int, ...] = ()
    """The ending it is bound to."""
    check: int = 0
    """When this many tokens are left, it is seen whether the ending must begin."""


class Constraint:
    """A schema for the tokens of one model; InputError when one of the two does not allow it."""

    def __init__(
        self, schema: dict[str, Any], name: str, tokenizer: Any, *, vocabulary: int, ends: Sequence[int], length: int
    ) -> None:
        """`name` is the schema's for messages, `vocabulary` the model's number of scores, `length` max_new_tokens."""
        from llguidance import LLMatcher

        self.tokens = _tokens(tokenizer, vocabulary, ends)
        self.grammar = LLMatcher.grammar_from_json_schema(schema, defaults=_FORM)
        if fault := LLMatcher.validate_grammar(self.grammar, self.tokens):
            raise InputError(f"{_WHERE}: {name}: {fault.splitlines()[0]}")
        self.ends = frozenset(ends)
        self.length = length
        self._bytes = _single_bytes(self.tokens)
        shortest = len(self.ending(self.start().matcher))
        if shortest >= _MOST:
            raise InputError(f"{_WHERE}: {name}: no answer of fewer than {_MOST} tokens was found that keeps to it")
        if length < shortest + _SLACK:
            raise InputError(
                f"generation.max_new_tokens: {length} tokens cannot hold an answer that keeps to {name}: the shortest "
                f"has {shortest} for this model, so give at least {shortest + _SLACK}, better twice that"
            )

    def start(self) -> _State:
        """Nothing written yet."""
        from llguidance import LLMatcher

        return _State(LLMatcher(self.tokens, self.grammar, log_level=0), check=self.length)

    def ending(self, matcher: Any) -> tuple[int, ...]:
        """A short way from here to a whole answer, as tokens."""
        here = matcher.deep_copy()
        path: list[int] = []
        while not here.is_accepting() and len(path) < _MOST:
            byte = self.first_byte(here.compute_logit_bias())
            step = here.compute_ff_tokens() or ([] if byte is None else [byte])
            if not step or not here.consume_tokens(step):
                raise RuntimeError(f"llguidance: {here.get_error()}")
            path += step
        return tuple(path)

    def processor(self) -> Processor:
        """A logits processor for one call of `generate`."""
        return Processor(self)

    def first_byte(self, allowed: Sequence[int] | torch.Tensor) -> int | None:
        """The allowed token of one byte that goes furthest towards the end; None where longer ones are forced."""
        brace, bracket, quote = self._bytes[:3]
        if allowed[quote] and allowed[brace] and allowed[bracket]:
            return quote  # both may follow inside a text alone
        return next((token for token in self._bytes if allowed[token]), None)


class Processor:
    """Forbids what the schema does not allow next.

    What was written is the key to where an answer is, so that rows may change places, as beams do.
    """

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._prompt: int | None = None
        self._states: dict[tuple[int, ...], _State | None] = {}
        self._bound: set[tuple[int, ...]] = set()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of shape rows x vocabulary, with minus infinity where a token may not follow."""
        import torch

        if self._prompt is None:
            self._prompt = input_ids.shape[1]
        written = [tuple(row) for row in input_ids[:, self._prompt :].tolist()]
        states = {tokens: self._state(tokens) for tokens in set(written)}
        self._states = states
        masks = {tokens: self._allowed(state, scores.shape[1]) for tokens, state in states.items()}
        masks_of_rows = [masks[tokens] for tokens in written]
        allowed = torch.stack(masks_of_rows).to(scores.device)
        return self._wishes(scores, masks_of_rows).masked_fill(allowed == 0, float("-inf"))

    def brought_to_end(self, written: torch.Tensor) -> int:
        """How many rows of answers (rows x length) were finished because max_new_tokens was near."""
        rows = [tuple(row) for row in written.tolist()]
        return sum(any(row[: len(start)] == start for start in self._bound) for row in rows)

    def _wishes(self, scores: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """The scores, with that of the end given to the mark that ends the value, where an answer may not end yet."""
        ends = sorted(self._constraint.ends)
        open_ones = (row for row, mask in enumerate(masks) if not mask[ends].any())
        found = {row: self._constraint.first_byte(masks[row]) for row in open_ones}
        marks = {row: mark for row, mark in found.items() if mark is not None}
        rows = list(marks)
        heard = scores.clone()
        here = rows, list(marks.values())
        heard[here] = scores[here].maximum(scores[rows][:, ends].amax(dim=1))
        return heard

    def _state(self, tokens: tuple[int, ...]) -> _State | None:
        """None where nothing is held any more: the answer is complete, or a beam that is out of the race."""
        if not tokens:
            return self._constraint.start()
        before = self._states.get(tokens[:-1])
        if before is None or tokens[-1] in self._constraint.ends:
            return None
        state = _State(before.matcher.deep_copy(), check=before.check)
        if not state.matcher.consume_token(tokens[-1]):
            return None
        left = self._constraint.length - len(tokens)
        if before.tail:
            state.tail = before.tail[1:]
        elif left <= before.check:
            ending = self._constraint.ending(state.matcher)
            spare = left - len(ending) - _SLACK
            # Far from the end it is not worth computing at every token.
            state.check = left - max(1, spare // 8)
            if spare <= 0 and ending:
                state.tail = ending
                self._bound.add(tokens)
        return state

    def _allowed(self, state: _State | None, size: int) -> torch.Tensor:
        import torch

        mask = torch.zeros(size, dtype=torch.uint8)
        if state is None:
            return mask.fill_(1)
        if state.tail:
            mask[state.tail[0]] = 1
            return mask
        return torch.frombuffer(bytearray(state.matcher.compute_logit_bias()), dtype=torch.uint8)[:size]


def _tokens(tokenizer: Any, vocabulary: int, ends: Sequence[int]) -> Any:
    """The tokenizer as llguidance knows it; InputError when its tokens do not spell a text exactly."""
    from llguidance.hf import from_tokenizer

    if not ends:
        raise InputError(f"{_WHERE}: the checkpoint names no token that ends an answer: set eos_token_id in its files")
    try:
        known = from_tokenizer(tokenizer, n_vocab=max(vocabulary, len(tokenizer)), eos_token=list(ends))
        spelled = tokenizer.decode(tokenizer(_PROBE, add_special_tokens=False).input_ids).strip() == _PROBE
        why = "it does not give back the text it is given"
    except ValueError as error:
        spelled, why = False, str(error)
    if not spelled:
        raise InputError(
            f"{_WHERE}: the tokenizer of this model cannot write JSON ({why}): set it to null, or take a model with a "
            "byte-level or sentencepiece BPE tokenizer, such as LLaVA, Qwen-VL or Gemma"
        )
    return known


def _single_bytes(tokens: Any) -> list[int]:
    """Tokens of one byte each, the useful ones for an ending first."""
    found = {}
    for token in range(tokens.vocab_size):
        text = tokens.decode_bytes([token])
        if len(text) == 1 and not tokens.is_special_token(token):
            found[text[0]] = token
    rest = sorted(found.keys() - set(_ENDINGS))
    return [found[byte] for byte in (*_ENDINGS, *rest) if byte in found]
