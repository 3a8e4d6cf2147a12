"""Learning a few images by heart, and what is said of it."""

from __future__ import annotations

import pytest

from runners.training.data import Material, read_material, samples_of
from runners.training.overfit import verdict
from tasks.nouns import Prediction
from tests.runners.training.looking import config_of


@pytest.fixture(scope="module")
def material() -> Material:
    return read_material(config_of())


def test_learning_by_heart_is_counted_word_by_word(material: Material) -> None:
    samples = samples_of(material, config_of(), config_of().stages[0])[:2]
    right = Prediction(samples[0].example.image_id, (), text=f" {samples[0].answer}\n")
    wrong = Prediction(samples[1].example.image_id, (), text="x-ray")
    assert verdict(samples, [right, wrong])[0] == 1
    assert samples[1].example.image_id in verdict(samples, [right, wrong])[1]
    assert verdict(samples[:1], [right]) == (1, "reproduced 1 of 1 answers: model, data and loss fit together")
