"""Several images of a study in one prompt: which families take them, and that nothing mixes them up or loses one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console

from runners import plan as plans
from runners.batches import image_costs
from runners.config_files import load as load_config
from runners.experiments import load_experiment
from runners.models import Failure, capacity, rows_of
from runners.models.capacity import fitting_batch
from runners.models.families import family_of
from runners.models.image_tokens import expected_image_tokens, produced_image_tokens
from runners.models.served import ServedModel
from runners.models.vision_language import VisionLanguageModel
from runners.plan import ModelPlan, make_plan, with_views
from runners.preview.catalog import catalog
from runners.run import execute
from tasks.journal import read_journal
from tasks.nouns import Example, InputError
from tests.runners.asking import PROMPTS, load, pictures
from tests.runners.chat_server import Ask, ChatServer, Fault, Other, Status, configured
from tests.runners.looking import of, problems, run
from tests.runners.standin import IDS, Standin, Use, make_config, make_data
from tests.runners.tiny import FAMILIES

Build = Callable[[str], Path]
CONSOLE = Console(quiet=True)
ONE = ("blip", "blip-2", "blip-2_t5", "florence2", "instructblip", "instructblip_t5", "vision-encoder-decoder")
SEVERAL = sorted(set(FAMILIES) - set(ONE))
TWO: dict[str, Any] = {"path": "nowhere", "views": 2}


def studies() -> tuple[list[Image.Image], list[list[Image.Image]]]:
    """The first images of five studies and their further ones: none, one or two."""
    first = pictures()
    return first, [[first[3]], [], [first[0], first[2]], [first[1]], []]


def answer(model: VisionLanguageModel, size: int) -> list[str | Failure]:
    """The answers about the `studies`, in batches of `size`."""
    first, views = studies()
    answers: list[str | Failure] = []
    for start in range(0, len(first), size):
        part = slice(start, start + size)
        answers += model.generate(model.prepare(first[part], PROMPTS[part], views[part]))
    return answers


def logits(model: VisionLanguageModel, *shown: Image.Image) -> torch.Tensor:
    """Of the first token about a study of these images."""
    [(_, inputs)] = model.prepare(shown[:1], ["Describe."], [shown[1:]]).parts
    with torch.inference_mode():
        found: torch.Tensor = model.network(**inputs).logits[0, -1]
    return found


@pytest.mark.parametrize("family", SEVERAL)
def test_studies_are_answered_alike_in_any_company(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    together = answer(model, 5)
    assert together == answer(model, 1) == answer(model, 3)
    assert len(set(together)) > 2


@pytest.mark.parametrize("family", ["qwen2_vl", "smolvlm", "gemma3", "llava"])
def test_beams_do_not_mix_studies(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO, generation={"num_beams": 3})
    assert answer(model, 5) == answer(model, 1)


@pytest.mark.parametrize("family", SEVERAL)
def test_every_view_is_seen_and_their_order_too(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    black, white = (Image.new("RGB", (64, 64), level) for level in ("black", "white"))
    seen = [logits(model, *shown) for shown in ([black], [black, black], [black, white], [white, black])]
    for number, one in enumerate(seen):
        assert not any(torch.allclose(one, other, atol=1e-5) for other in seen[:number])


@pytest.mark.parametrize("family", SEVERAL)
def test_a_prompt_holds_the_tokens_of_all_its_images(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    first, views = studies()
    shown = [[one, *more] for one, more in zip(first, views, strict=True)]
    alone = [_image_tokens(model, images) for images in shown]
    assert alone == [sum(_image_tokens(model, [image]) for image in images) for images in shown]
    [(_, batch)] = model.prepare(first, PROMPTS, views).parts
    assert produced_image_tokens(model.network, batch) == expected_image_tokens(model.network, batch) == sum(alone)
    assert model.facts["image_tokens"] == 2 * load(tiny(family)).facts["image_tokens"]


def _image_tokens(model: VisionLanguageModel, images: Sequence[Image.Image]) -> int:
    [(_, inputs)] = model.prepare(images[:1], ["Describe."], [images[1:]]).parts
    return produced_image_tokens(model.network, inputs) or 0


@pytest.mark.parametrize("family", ["qwen2_vl", "internvl", "smolvlm", "gemma3", "llava_bare"])
def test_a_batch_is_sized_by_the_images_of_each_study(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    sizes = [(64, 64), (200, 120), (30, 90)]
    alone, rest = model.tokens(sizes), model.tokens([(64, 64)])[0] * 2 - model.tokens([(64, 64)], [[(64, 64)]])[0]
    views = [[], [(64, 64)], [(200, 120), (30, 90)]]
    assert model.tokens(sizes, views) == [
        alone[0],
        alone[1] + alone[0] - rest,
        alone[2] + alone[1] + alone[2] - 2 * rest,
    ]


@pytest.mark.parametrize("family", ONE)
def test_a_family_for_one_image_is_refused_at_the_start(family: str, tiny: Build, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.views: .* holds one image, not 2: set data\.views to 1"):
        load(tiny(family), data=TWO)
    status, findings = run(tmp_path, tiny(family), data=TWO)
    assert status and any("data.views" in problem for problem in problems(findings))
    kind = json.loads((tiny(family) / "config.json").read_text(encoding="utf-8"))["model_type"]
    assert not family_of(kind).several_images
    [row] = [row for row in catalog() if row.model_type == kind]
    assert any("data.views" in note for note in row.notes)


@pytest.mark.parametrize("family", SEVERAL)
def test_the_preview_counts_all_images(family: str, tiny: Build, tmp_path: Path) -> None:
    if family == "llava_med":
        pytest.skip("it is converted when it is loaded, and can be checked only then")
    said = {}
    for views in (1, 3):
        status, findings = run(tmp_path, tiny(family), data={"path": "nowhere", "views": views})
        assert status == 0, problems(findings)
        tokens, length = of(findings, "image tokens")["facts"], of(findings, "prompt length")["facts"]
        assert tokens["network"] in (None, tokens["prompt"])
        said[views] = tokens["prompt"], length["tokens"], of(findings, "memory")["facts"]["cache"]
    assert said[3][0] == 3 * said[1][0]
    assert said[3][1] > said[1][1] and said[3][2] > said[1][2]


def test_an_image_token_of_the_users_own_leaves_no_room_for_views(tiny: Build) -> None:
    own = {"text": "USER: <image>\nWhy? ASSISTANT:"}
    assert load(tiny("llava"), prompt=own).ask(own["text"]) == own["text"]
    for text in (own["text"], "<image><image> Why?"):
        with pytest.raises(InputError, match=r"image token <image>.*data\.views"):
            load(tiny("llava"), data=TWO, prompt={"text": text})


def test_a_template_that_shows_one_image_is_refused(tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny("llava"), tmp_path / "base"))
    template = base / "chat_template.jinja"
    said = template.read_text(encoding="utf-8")
    first = said.replace("== 'image' %}", "== 'image' and loop.first %}").replace("{% else %}", "{% elif loop.last %}")
    assert first != said
    template.write_text(first)
    load(base)
    with pytest.raises(InputError, match=r"shows 1 of 2 images: set data\.views to 1"):
        load(base, data=TWO)


def test_the_probe_of_memory_shows_as_many_images(tiny: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load(tiny("llava"), data={**TWO, "views": 3})
    asked: list[tuple[int, int]] = []

    class Probed:
        network = SimpleNamespace(device=torch.device("cuda", 0))
        generator = real.generator

        def prepare(self, pictures: Any, prompts: Any, views: Any = ()) -> Any:
            asked.append((len(pictures), len(real.prepare(pictures, prompts, views).parts[0][1]["pixel_values"])))

        def generate(self, prepared: Any, *, seed: int = 0) -> Any:
            if asked[-1][0] > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(capacity, "_share_in_use", lambda device: 0.5)
    assert fitting_batch(Probed(), (64, 64), images=real.views) == 2
    assert asked == [(1, 3), (2, 6), (4, 12), (3, 9)]


def planned(folder: Path, monkeypatch: pytest.MonkeyPatch, views: int, *, further: int = 2) -> ModelPlan:
    """A run over twelve grey images, every other one with `further` views, which are darker images of the same data."""
    found = plans.examples_of

    def with_further(config: Any) -> Any:
        dataset, examples = found(config)
        sources = [example.image for example in examples]
        return dataset, [
            replace(e, views=tuple(reversed(sources[max(0, n - further) : n])) if n % 2 else ())
            for n, e in enumerate(examples)
        ]

    data = folder / "data"
    config = make_config(folder, data if data.exists() else make_data(data))
    with monkeypatch.context() as patch:
        patch.setattr(plans, "examples_of", with_further)
        return make_plan(load_config(config, [f"data.views={views}"]))


class Study(Standin):
    """Answers with the grey levels of all images of each study."""

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> Any:
        return [[super(Study, self).prepare([i], [""])[0] for i in row] for row in rows_of(images, views)]

    def tokens(self, sizes: Sequence[tuple[int, int]], views: Any = ()) -> list[int]:
        return [sum(width * height for width, height in row) for row in rows_of(sizes, views)]


def test_a_study_is_shown_the_views_that_it_has_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    for views, third in ((1, "60"), (2, "60, 40"), (3, "60, 40, 20"), (9, "60, 40, 20")):
        plan = planned(tmp_path, monkeypatch, views)
        use(model := Study())
        execute(plan, tmp_path / f"run{views}", CONSOLE)
        answers = read_journal(tmp_path / f"run{views}")
        assert answers[IDS[3]].text == f"grey [{third}]"
        assert answers[IDS[2]].text == "grey [40]"
        assert [p.status for p in answers.values()] == ["ok"] * len(IDS)
        batches: Any = model.batches
        costs = [sum(len(study) for study in batch) / len(batch) for batch in batches]
        assert costs == sorted(costs, reverse=True), "studies of more images come first, together"


def test_a_view_that_cannot_be_opened_fails_its_study_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    plan = planned(tmp_path, monkeypatch, 2)
    spoilt = plan.examples[4].image
    assert isinstance(spoilt, Path)
    use(Study())
    plan = replace(plan, examples=[e for n, e in enumerate(plan.examples) if n != 4])
    plan = replace(plan, config=plan.config.model_copy(update={"max_failures": 0.2}))
    spoilt.write_bytes(b"no picture")
    execute(plan, tmp_path / "run", CONSOLE)
    answers = read_journal(tmp_path / "run")
    failed = {image_id: p.reason for image_id, p in answers.items() if p.status == "failed"}
    assert list(failed) == [IDS[5]]
    assert failed[IDS[5]].startswith("image 2 of the study: the image is corrupt")


def test_views_change_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_plan(load_config(make_config(tmp_path, make_data(tmp_path / "data"))))
    one, two, three = (planned(tmp_path, monkeypatch, views) for views in (1, 2, 3))
    fewer = planned(tmp_path, monkeypatch, 3, further=1)
    assert plain.fingerprint == one.fingerprint, "a run of one image goes on although its data has more"
    assert len({one.fingerprint, two.fingerprint, three.fingerprint}) == 3
    assert fewer.fingerprint == two.fingerprint, "what the model is shown is the same"


def test_views_that_no_study_has_are_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"data\.views: 2 has no effect: none of 12 images of the split 'test'"):
        planned(tmp_path, monkeypatch, 2, further=0)
    image = Path("a.png")
    assert with_views([Example("a", image, "test", views=(image,))], 1, split="test") == [Example("a", image, "test")]


def test_a_system_shows_no_views() -> None:
    knn = Path(__file__).parents[2] / "configs" / "report_generation" / "knn.yaml"
    with pytest.raises(InputError, match=r"data\.views has no effect here"):
        load_experiment(knn, ["data.views=2"])


def test_the_costliest_study_is_the_one_with_most_of_all_images(tmp_path: Path) -> None:
    places = []
    for n, size in enumerate([(30, 30), (20, 40), (40, 40)]):
        places.append(tmp_path / f"{n}.png")
        Image.new("L", size).save(places[-1])
    asked = [Example("a", places[2], "test"), Example("b", places[0], "test", views=(places[1],))]
    assert image_costs(asked, Study().tokens) == ([1600, 1700], (30, 30))


def test_a_server_is_sent_all_images_in_one_message() -> None:
    def counting(ask: Ask) -> Fault:
        return Other({}, usage={"prompt_tokens": 7 + 10 * _images(ask), "completion_tokens": 3})

    with ChatServer(counting) as server:
        model = ServedModel.load(configured(server.url, top={"data": TWO}))
        prepared = model.prepare([grey(40), grey(60)], ["Describe"] * 2, [[grey(80)], []])
        assert model.generate(prepared) == ["grey 40", "grey 60"]
        assert [_images(ask) for ask in server.asks] == [2, 2, 1, 2, 1]
        assert [part["type"] for part in server.asks[-2].body["messages"][0]["content"]] == [
            "image_url",
            "image_url",
            "text",
        ]


def _images(ask: Ask) -> int:
    return sum(part["type"] == "image_url" for part in ask.body["messages"][0]["content"])


def test_a_server_that_refuses_or_drops_a_second_image_is_refused() -> None:
    def refusing(ask: Ask) -> Fault:
        return Status(400, "At most 1 image(s) may be provided in one prompt") if _images(ask) > 1 else None

    with ChatServer(refusing) as server, pytest.raises(InputError, match=r"2 images: .*At most 1.*\n.*data\.views"):
        ServedModel.load(configured(server.url, top={"data": TWO}))
    with ChatServer() as server, pytest.raises(InputError, match=r"data\.views: 'grey' does not see 2 images"):
        ServedModel.load(configured(server.url, top={"data": TWO}))


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (level, level, level))
