"""Configs: precedence, origins, and messages that name file, line and the nearest key."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from runners.commands import config as config_command
from runners.config import RunConfig
from runners.config_files import flatten, load
from runners.experiments import load_experiment
from tasks.nouns import InputError, Task

MINIMAL = """\
task: 2
data: {path: somewhere}
model: {name: some/model}
prompt: {text: Describe}
"""
CONFIGS = [
    path for path in sorted(Path(__file__).parents[2].glob("configs/*/*.yaml")) if not path.name.startswith("train-")
]


def write(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_precedence_is_default_parent_child_override(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL + "seed: 1\nbatch_size: 2\nquantization: nf4\n", "parent.yaml")
    child = write(tmp_path, "extends: parent.yaml\nseed: 3\nbatch_size: 4\n")
    loaded = load(child, ["batch_size=5", "batch_size=6"])
    assert loaded.config.max_failures == 0.05
    assert loaded.config.quantization == "nf4"
    assert loaded.config.seed == 3
    assert loaded.config.batch_size == 6
    assert loaded.origins["quantization"].endswith("parent.yaml:7")
    assert loaded.origins["seed"].endswith("c.yaml:2")
    assert loaded.origins["batch_size"] == "--set"
    assert "max_failures" not in loaded.origins


def test_mappings_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL + "generation: {num_beams: 3}\nadapters: [{path: a}, {path: b}]\n", "parent.yaml")
    child = write(tmp_path, "extends: parent.yaml\ngeneration: {max_new_tokens: 7}\nadapters: [{path: c}]\n")
    config = load(child).config
    assert (config.generation.num_beams, config.generation.max_new_tokens) == (3, 7)
    assert [a.path for a in config.adapters] == ["c"]


def test_every_mistake_is_told_with_file_line_and_nearest_key(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "quantisation: nf4\ngeneration:\n  num_beam: 3\nbatch_size: -1\n")
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert f"{path}:5: quantisation: unknown key; nearest valid key: 'quantization'" in message
    assert f"{path}:7: generation.num_beam: unknown key; nearest valid key: 'num_beams'" in message
    assert f"{path}:8: batch_size:" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task: [", "not valid YAML"),
        ("- a\n- b\n", "a config is a mapping"),
        ("task: 9\n" + MINIMAL.partition("\n")[2], "unknown task '9'"),
        (MINIMAL.replace("data: {path: somewhere}\n", ""), "data: missing"),
        (MINIMAL + "seed: 1\nseed: 2\n", "duplicate key"),
        (MINIMAL + "generation: {temperature: 0.4}\n", "no effect without do_sample"),
        (MINIMAL + "extends: c.yaml\n", "leads back"),
        (MINIMAL + "extends: gone.yaml\n", "cannot be read"),
        (MINIMAL.replace("{text: Describe}", "{name: a, text: b}"), "give one of name, text and file"),
        (MINIMAL + "extends: ''\n", "extends takes one file name"),
        (MINIMAL + "adapters:\n", r"c\.yaml:5: adapters: takes a list"),
        (MINIMAL.replace("{path: somewhere}", "sample"), r"c\.yaml:2: data: takes keys of its own"),
        (MINIMAL + "batch_size: true\n", "valid integer"),
        (MINIMAL + "seed: true\n", "valid integer"),
        (MINIMAL + "adapters: [{path: a, weight: .nan}]\n", "finite"),
        (MINIMAL + "generation: {do_sample: true, temperature: .inf}\n", "finite"),
        (MINIMAL + "generation: {<<: {num_beam: 3}}\n", "nearest valid key: 'num_beams'"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        load(write(tmp_path, text))


def test_overrides_may_hold_blanks_and_several_settings(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    config = load(path, ["prompt.text=What is seen here? generation.num_beams=3  seed=7"]).config
    assert config.prompt.text == "What is seen here?"
    assert (config.generation.num_beams, config.seed) == (3, 7)
    with pytest.raises(InputError, match="write key=value"):
        load(path, ["seed"])
    with pytest.raises(InputError, match=r"--set: sed: unknown key; nearest valid key: 'seed'"):
        load(path, ["sed=1"])


@pytest.mark.parametrize(
    "text",
    ["What's #1?", "Findings: what?", "{image} why", "2026", "*", "'a b=c seed=1'", '"size=3 x=4"', "yes"],
)
def test_text_is_taken_as_it_stands(tmp_path: Path, text: str) -> None:
    loaded = load(write(tmp_path, MINIMAL), [f"prompt.text={text} seed=7"])
    assert loaded.config.prompt.text == text.strip("'\"")
    assert loaded.config.seed == 7


def test_an_override_by_mapping_is_merged_and_an_empty_one_is_null(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "generation: {max_new_tokens: 5}\nfallback: x\n")
    config = load(path, ["generation={num_beams: 3} fallback= seed=3"]).config
    assert (config.generation.max_new_tokens, config.generation.num_beams) == (5, 3)
    assert (config.fallback, config.seed) == (None, 3)
    assert load(path, ["seed = 4"]).config.seed == 4
    assert load(path, ["data.vocabulary=[a b.csv]"]).config.data.vocabulary == ("a b.csv",)
    with pytest.raises(InputError, match="--set extends"):
        load(path, ["extends=other.yaml"])


def test_a_merge_key_brings_its_values(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL, "parent.yaml")
    child = write(tmp_path, "extends: parent.yaml\ngeneration:\n  <<: {num_beams: 3}\n  max_new_tokens: 5\n")
    loaded = load(child)
    assert (loaded.config.generation.num_beams, loaded.config.generation.max_new_tokens) == (3, 5)
    assert loaded.origins["generation.max_new_tokens"].endswith("c.yaml:4")


@given(key=st.text(min_size=1, max_size=20), value=st.text(max_size=20))
def test_any_override_gives_a_config_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    try:
        loaded = load(path, [f"{key}={value}"])
    except InputError:
        return
    assert loaded.config.task is Task.CAPTIONS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_shipped_config_is_valid_and_in_its_task_folder(path: Path) -> None:
    from runners.prompts import prompt_text

    config = load_experiment(path).config
    assert config.task.value == path.parent.name
    if isinstance(config, RunConfig):
        assert config.prompt.text == "" or prompt_text(config.prompt)


def test_show_prints_values_with_their_origin(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "seed: 5\nfallback: '[/INST] [red]'\n")
    result = CliRunner().invoke(config_command, ["show", str(path), "--set", "batch_size=2"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    rows = {line.split("│")[1].strip(): line for line in result.output.splitlines() if "│" in line}
    assert "c.yaml:5" in rows["seed"]
    assert "--set" in rows["batch_size"]
    assert "default" in rows["max_failures"]
    assert "[/INST] [red]" in rows["fallback"]
    assert set(flatten(load(path).config)) <= set(rows)


@pytest.mark.parametrize(("task", "length"), [("1", 150), ("captions", 100), ("report_generation", 512)])
def test_an_answer_has_the_length_of_its_task_unless_the_config_says(tmp_path: Path, task: str, length: int) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL.replace("task: 2", f"task: {task}"), encoding="utf-8")
    assert load(path).config.generation.max_new_tokens == length
    assert load(path, ["generation.num_beams=3"]).config.generation.max_new_tokens == length
    assert load(path, ["generation.max_new_tokens=7"]).config.generation.max_new_tokens == 7
