"""The program inside an environment made for metrics: it scores pairs of texts with a metric's own package.

It is run as a file by that environment's Python (3.9 or newer), knows nothing of this repository and imports nothing
but the standard library before it is told the metric. It speaks JSON, one object a line: an opening comes, `ready`
with the packages' versions or `error` goes; then questions of some items each come, and one value per item goes.
The metrics of captions are called as github.com/taubsity/clef-caption-evaluation-2026
(caption_prediction/evaluator.py) calls them, those of reports through RadEval (github.com/jbdel/RadEval):

    > {"metric": "bleurt", "model": "lucadiliello/BLEURT-20-D12", "parameters": {"max_length": 512}}
    < {"ready": true, "versions": {"python": "3.11.7", "bleurt-pytorch": "0.0.1", ...}}
    > {"index": 0, "items": [["ct of the chest", "chest ct"]]}
    < {"index": 0, "values": [0.71]}
    < {"done": true}
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

Score = Callable[[list[Any]], list[Any]]
Loaded = tuple[Score, dict[str, Any]]


def main() -> None:
    """Answer until the questions end."""
    questions, answers = own_streams()

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    opening = json.loads(questions.readline())
    load, packages = METRICS[opening["metric"]]
    try:
        score, about = load(opening["model"], opening["parameters"])
    except Exception as error:  # noqa: BLE001 - whatever a package raises is told to the one who asked
        say({"error": gist(error)})
        return
    say({"ready": True, "versions": versions(packages), **about})
    for line in questions:
        question = json.loads(line)
        try:
            say({"index": question["index"], "values": score(question["items"])})
        except Exception as error:  # noqa: BLE001
            say({"index": question["index"], "error": gist(error)})
    say({"done": True})


def own_streams() -> tuple[TextIO, TextIO]:
    """The questions and the answers; what packages print goes to standard error, and what they ask gets no answer."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return questions, answers


def gist(error: Exception) -> str:
    """An exception on one line."""
    said = " ".join(str(error).split())
    return (type(error).__name__ + (": " + said if said else ""))[:500]


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def device() -> str:
    """Where the models run."""
    return "cuda" if importlib.import_module("torch").cuda.is_available() else "cpu"


def cosine(one: Any, other: Any) -> float:
    """Of the angle between two vectors."""
    numpy = importlib.import_module("numpy")
    one, other = numpy.asarray(one), numpy.asarray(other)
    return float(numpy.dot(one, other) / (numpy.linalg.norm(one) * numpy.linalg.norm(other)))


def bertscore(model: str, parameters: dict[str, Any]) -> Loaded:
    """F1 of one pair of preprocessed texts at a time, with idf over the references that are given."""
    references = parameters["references"]
    scorer = importlib.import_module("bert_score").BERTScorer(
        model_type=model, num_layers=parameters["layer"], idf=references is not None, idf_sents=references
    )

    def score(items: list[Any]) -> list[float]:
        return [scorer.score(cands=[ours], refs=[theirs])[2].item() for ours, theirs in items]

    return score, {}


def bleurt(model: str, parameters: dict[str, Any]) -> Loaded:
    """The logit of each pair of preprocessed texts, the items together in one batch."""
    torch, package = importlib.import_module("torch"), importlib.import_module("bleurt_pytorch")
    network = package.BleurtForSequenceClassification.from_pretrained(model).to(device()).eval()
    tokenizer = package.BleurtTokenizer.from_pretrained(model)

    def score(items: list[Any]) -> list[float]:
        ours, theirs = [item[0] for item in items], [item[1] for item in items]
        length = parameters["max_length"]
        read = tokenizer(theirs, ours, padding="longest", truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode():
            logits = network(**{name: tensor.to(network.device) for name, tensor in read.items()}).logits
        found: list[float] = logits.flatten().cpu().tolist()
        return found

    return score, {}


def alignscore(model: str, parameters: dict[str, Any]) -> Loaded:
    """How well the reference, as context, supports the prediction, as claim."""
    scorer = importlib.import_module("alignscore").AlignScore(
        model=parameters["backbone"],
        batch_size=32,
        device=device(),
        ckpt_path=model,
        evaluation_mode="nli_sp",
        verbose=False,
    )

    def score(items: list[Any]) -> list[float]:
        return [float(scorer.score(contexts=[theirs], claims=[ours])[0]) for ours, theirs in items]

    return score, {}


def medcat(model: str, parameters: dict[str, Any]) -> Loaded:
    """The concepts of both texts, each a pair of its name and its CUI, of the given semantic types only."""
    cat = importlib.import_module("medcat.cat").CAT.load_model_pack(model)
    of_type = cat.cdb.addl_info["type_id2cuis"]
    cuis = {cui for type_id in parameters["types"] for cui in of_type.get(type_id, ())}
    if not cuis:  # which MedCAT would take for no filter at all
        raise ValueError("the model pack has no concept of any of the semantic types that count")
    cat.cdb.config.linking["filters"]["cuis"] = cuis

    def concepts(text: str) -> list[list[str]]:
        entities = cat.get_entities(text)["entities"].values()
        return [list(pair) for pair in dict.fromkeys((one["pretty_name"], one["cui"]) for one in entities)]

    def score(items: list[Any]) -> list[Any]:
        return [[concepts(ours), concepts(theirs)] for ours, theirs in items]

    return score, {"pack": str(cat.config.version["id"]), "cuis": len(cuis)}


def similarity(model: str, parameters: dict[str, Any]) -> Loaded:
    """The cosine of the angle between the embeddings of an image, base64, and a text."""
    sys.path.insert(0, model)
    torch = importlib.import_module("torch")
    torch.manual_seed(0)  # the package's loader leaves the model in training mode, where it may draw numbers
    scorer = importlib.import_module("medimageinsightmodel").MedImageInsight(
        model_dir=str(Path(model, parameters["release"])),
        vision_model_name=parameters["vision"],
        language_model_name="language_model.pth",
    )
    scorer.load_model()

    def similar(image: str, text: str) -> float:
        with torch.inference_mode():
            found = scorer.encode(images=[image], texts=[text])
        return cosine(found["text_embeddings"][0], found["image_embeddings"][0])

    def score(items: list[Any]) -> list[float]:
        return [similar(image, text) for image, text in items]

    return score, {"training": bool(scorer.model.training)}


def radeval(module: str = "radeval") -> Any:
    """RadEval, or a part of it."""
    # The copy of RadGraph in 2.2.1 imports itself by the package's former name, which is another on most systems.
    sys.modules.setdefault("RadEval", importlib.import_module("radeval"))
    return importlib.import_module(module)


def by_radeval(model: str, parameters: dict[str, Any]) -> Loaded:
    """One of RadEval's metrics, of each pair."""
    scorer = radeval().RadEval(metrics=[parameters["scorer"]], per_sample=True, show_progress=False)

    def score(items: list[Any]) -> list[float]:
        ours, theirs = [item[0] for item in items], [item[1] for item in items]
        return [float(value) for value in scorer(refs=theirs, hyps=ours)[parameters["key"]]]

    return score, {}


def semb(model: str, parameters: dict[str, Any]) -> Loaded:
    """The cosine of CheXbert's embeddings of both texts."""
    labeler = radeval("radeval.metrics.f1chexbert").F1CheXbert(device=device())

    def score(items: list[Any]) -> list[float]:
        sides = [labeler.get_embeddings([item[side] for item in items]) for side in (0, 1)]
        return [cosine(ours, theirs) for ours, theirs in zip(*sides, strict=True)]

    return score, {}


def chexbert(model: str, parameters: dict[str, Any]) -> Loaded:
    """The labels of both texts, in the order that is given: 1 present, -1 uncertain, 0 absent or not mentioned."""
    labeler = radeval("radeval.metrics.f1chexbert").F1CheXbert(device=device())
    places = [labeler.TARGET_NAMES.index(label) for label in parameters["labels"]]

    def score(items: list[Any]) -> list[Any]:
        sides = [labeler.get_labels([item[side] for item in items], mode="classification") for side in (0, 1)]
        return [[[int(labels[place]) for place in places] for labels in pair] for pair in zip(*sides, strict=True)]

    return score, {}


def radcliq(model: str, parameters: dict[str, Any]) -> Loaded:
    """RadGraph F1, BERTScore without idf and SembScore, the parts of RadCliQ-v1."""
    graph, _ = by_radeval(model, {"scorer": "radgraph_radcliq", "key": "radgraph_radcliq"})
    embedding, _ = semb(model, parameters)
    matcher = radeval("radeval.metrics.bertscore.bertscore").BertScore(
        model_type="distilroberta-base", num_layers=5, rescale_with_baseline=True, idf=False
    )

    def matching(items: list[Any]) -> list[float]:
        ours, theirs = ([re.sub(" +", " ", item[side]) for item in items] for side in (0, 1))
        return [float(value) for value in matcher(refs=theirs, hyps=ours)[1]]

    def score(items: list[Any]) -> list[Any]:
        return [list(parts) for parts in zip(graph(items), matching(items), embedding(items), strict=True)]

    return score, {}


RADEVAL = ("radeval", "torch", "transformers")
METRICS: dict[str, tuple[Callable[[str, dict[str, Any]], Loaded], tuple[str, ...]]] = {
    "bertscore": (bertscore, ("bert-score", "torch", "transformers")),
    "bleurt": (bleurt, ("bleurt-pytorch", "torch", "transformers")),
    "alignscore": (alignscore, ("alignscore", "torch", "transformers")),
    "medcat": (medcat, ("medcat", "spacy", "torch")),
    "similarity": (similarity, ("torch", "torchvision", "transformers")),
    **dict.fromkeys(("radgraph_f1", "radgraph_er", "ratescore", "green"), (by_radeval, RADEVAL)),
    "semb": (semb, RADEVAL),
    "chexbert": (chexbert, RADEVAL),
    "radcliq_v1_inverse": (radcliq, RADEVAL),
}
"""Metric -> how to load it, and the packages whose versions pin its values."""


if __name__ == "__main__":
    main()
