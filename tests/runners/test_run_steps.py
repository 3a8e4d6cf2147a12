"""Steps of post-processing in a run: applied to what is submitted, counted in run.json, raw text kept."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from runners.loop import AHEAD, PREPARERS
from runners.run import execute
from tasks.journal import read_journal
from tasks.nouns import InputError
from tests.runners.standin import IDS, Standin, Use, captions, make_standin_plan, record

CONSOLE = Console(quiet=True)
SPANISH = "Radiografía de tórax que muestra un derrame pleural en el pulmón izquierdo."
ENGLISH = "Chest radiograph showing a pleural effusion in the left lung."


class Polyglot(Standin):
    """Answers in Spanish unless the prompt asks for English; about the darkest image it never does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> list[int]:
        self.asked += prompts
        levels = super().prepare(images, prompts)
        return [level if "English" in prompt else 1000 + level for level, prompt in zip(levels, prompts, strict=True)]

    def generate(self, prepared: list[int], *, seed: int) -> list[str]:
        return [SPANISH if level >= 1000 or level == 0 else ENGLISH for level in prepared]


def test_an_answer_in_another_language_is_asked_for_again_then_fails(tmp_path: Path, use: Use) -> None:
    model = Polyglot()
    use(model)
    plan = make_standin_plan(tmp_path, "steps: [language_guard]", "max_failures: 0.5")
    folder = execute(plan, tmp_path / "run", CONSOLE)
    assert model.asked.count("Describe") == 12 and len(model.asked) == 24
    assert captions(folder) == {IDS[0]: "", **dict.fromkeys(IDS[1:], ENGLISH)}
    failed = read_journal(folder)[IDS[0]]
    assert failed.status == "failed" and "another language than 'en'" in failed.reason and failed.text == SPANISH


def test_what_each_step_changed_is_counted_and_the_raw_text_kept(tmp_path: Path, use: Use) -> None:
    class Chatty(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            answer = "Grey image. Grey image. And the"
            return [f"Describe {answer}" if level < 100 else "A grey image." for level in prepared]

    use(Chatty())
    steps = "steps: [strip_echo, dedupe_sentences, finish_sentence]"
    folder = execute(make_standin_plan(tmp_path, steps), tmp_path / "run", CONSOLE)
    assert captions(folder)[IDS[0]] == "Grey image." and captions(folder)[IDS[11]] == "A grey image."
    assert record(folder)["steps"] == {"strip_echo": 5, "dedupe_sentences": 5, "finish_sentence": 5}
    assert read_journal(folder)[IDS[0]].text == "Describe Grey image. Grey image. And the"


def test_few_batches_are_in_memory_at_once(tmp_path: Path, use: Use) -> None:
    class Counting(Standin):
        waiting = most = 0

        def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> list[int]:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            return super().prepare(images, prompts)

        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            self.waiting -= 1
            end = time.monotonic() + 20  # the next batches are prepared meanwhile, however busy the machine
            while self.most < 2 and time.monotonic() < end:
                time.sleep(0.01)
            return super().generate(prepared, seed=seed)

    model = Counting()
    use(model)
    execute(make_standin_plan(tmp_path, "batch_size: 1"), tmp_path / "run", CONSOLE)
    assert 1 < model.most <= AHEAD + PREPARERS


def test_batches_are_answered_at_once_where_the_model_can(tmp_path: Path, use: Use) -> None:
    import threading

    together = threading.Barrier(3, timeout=20)

    class Server(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            together.wait()  # nobody comes out before three are in
            return super().generate(prepared, seed=seed)

    model = Server()
    model.facts = {**model.facts, "concurrency": 3}
    use(model)
    folder = execute(make_standin_plan(tmp_path, "batch_size: 1"), tmp_path / "run", CONSOLE)
    assert captions(folder) == {image_id: f"grey {20 * n}" for n, image_id in enumerate(IDS)}


def test_a_question_that_hangs_holds_up_no_end_and_no_answer_is_lost(tmp_path: Path, use: Use) -> None:
    import threading

    answered, late = threading.Event(), threading.Event()

    class Server(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            if prepared == [0]:
                answered.wait(20)
                raise InputError("the key has run out")
            if prepared == [20]:
                late.wait(60)
            answered.set()
            return super().generate(prepared, seed=seed)

    model = Server()
    model.facts = {**model.facts, "concurrency": 3}
    use(model)
    with pytest.raises(InputError, match="run out"):
        execute(make_standin_plan(tmp_path, "batch_size: 1"), tmp_path / "run", CONSOLE)
    hanging = [thread for thread in threading.enumerate() if thread.name == "ask"]
    assert hanging and all(thread.daemon for thread in hanging)  # the program's end does not wait for daemons
    late.set()
    assert IDS[2] in read_journal(tmp_path / "run")
