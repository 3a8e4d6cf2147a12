"""An environment like the organisers', or for reports: a real virtual environment with stand-ins of their packages.

Each stand-in has the signatures of the real package and a value that can be computed from what it was given, so that
a test sees whether the right texts came, unchanged, in the right order. Some words in a text make it misbehave.
"""

from __future__ import annotations

import json
import venv
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

MISBEHAVE = '''
import os, subprocess, sys, time

def misbehave(text):
    """What packages do."""
    if "chatter" in text:
        print("to stdout " * 20000)
        os.write(1, b"to descriptor 1\\n" * 20000)
        subprocess.run(["echo", "from a child"], check=True)
        print("to stderr " * 20000, file=sys.stderr)
    if "prompt" in text:
        try:
            input("continue? ")
        except EOFError:
            pass
    if "raise" in text:
        raise ValueError("no such\\n\\nword")
    if "exit" in text:
        print("Traceback\\nOSError: out of luck", file=sys.stderr)
        sys.exit(3)
    if "kill" in text:
        os.kill(os.getpid(), 9)
    if "hang" in text:
        child = subprocess.Popen(["sleep", "600"])
        print("child %d" % child.pid, file=sys.stderr, flush=True)
        time.sleep(600)

def number(given):
    """Between 0 and 1, by all that is given."""
    import json
    from zlib import crc32
    return crc32(json.dumps(given).encode()) / 2 ** 32
'''

BERT_SCORE = """
from misbehaviour import misbehave, number

class Tensor:
    def __init__(self, value): self.value = value
    def item(self): return self.value

class BERTScorer:
    def __init__(self, model_type=None, num_layers=None, batch_size=64, nthreads=4, all_layers=False, idf=False,
                 idf_sents=None, device=None, lang=None, rescale_with_baseline=False, baseline_path=None,
                 use_fast_tokenizer=False):
        self.given = [model_type, num_layers, idf, idf_sents]
    def score(self, cands, refs, verbose=False, batch_size=64, return_hash=False):
        for text in cands: misbehave(text)
        return Tensor(-1.0), Tensor(-1.0), Tensor(number([self.given, cands, refs]))
"""

TORCH = """
from contextlib import nullcontext as inference_mode
def manual_seed(seed): pass
class cuda:
    @staticmethod
    def is_available(): return False
"""

BLEURT = """
from misbehaviour import misbehave, number

class Numbers(list):
    def to(self, device): return self
    def flatten(self): return self
    def cpu(self): return self
    def tolist(self): return list(self)

class BleurtTokenizer:
    @classmethod
    def from_pretrained(cls, name): return cls()
    def __call__(self, text, text_pair=None, padding=False, truncation=None, max_length=None, return_tensors=None):
        assert (padding, truncation, max_length, return_tensors) == ("longest", True, 512, "pt")
        for pair in text_pair: misbehave(pair)
        return {"input_ids": Numbers(number([text, text_pair, i]) for i in range(len(text)))}

class BleurtForSequenceClassification:
    device = "cpu"
    @classmethod
    def from_pretrained(cls, name): return cls()
    def to(self, device): return self
    def eval(self): return self
    def __call__(self, input_ids=None):
        self.logits = input_ids
        return self
"""

ALIGNSCORE = """
from misbehaviour import misbehave, number

class AlignScore:
    def __init__(self, model: str, batch_size: int, device: int, ckpt_path: str, evaluation_mode="nli_sp",
                 verbose=True):
        self.given = [model, batch_size, device, open(ckpt_path).read(), evaluation_mode]
    def score(self, contexts, claims):
        misbehave(claims[0])
        if "nan" in claims[0]: return [float("nan")]
        if not claims[0].strip(): raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
        return [number([self.given, contexts, claims])]
"""

MEDCAT = """
import json, re
from types import SimpleNamespace
from misbehaviour import misbehave

print("medcat is loading")

class CAT:
    @classmethod
    def load_model_pack(cls, zip_path, meta_cat_config_dict=None, ner_config_dict=None, load_meta_models=True,
                        load_addl_ner=True, load_rel_models=True):
        cat = cls()
        pack = json.load(open(zip_path))
        misbehave(pack.get("loading", ""))
        cat.names = pack["names"]
        types = {}
        for cui, type_id in pack["types"].items(): types.setdefault(type_id, set()).add(cui)
        cat.config = SimpleNamespace(version={"id": pack["id"]}, linking={"filters": {"cuis": set()}})
        cat.cdb = SimpleNamespace(addl_info={"type_id2cuis": types}, config=cat.config)
        return cat
    def get_entities(self, text, only_cui=False, addl_info=["cui2icd10", "cui2ontologies", "cui2snomed"]):
        misbehave(text)
        cuis = [self.names[word] for word in re.findall(r"[^ ,.]+", text) if word in self.names]
        kept = [cui for cui in cuis if cui in self.config.linking["filters"]["cuis"]]
        entities = {3 * i: {"pretty_name": "name of " + cui, "cui": cui, "id": 3 * i} for i, cui in enumerate(kept)}
        return {"entities": entities, "tokens": []}
"""

MEDIMAGEINSIGHT = """
import base64, os
from types import SimpleNamespace
import numpy as np

class MedImageInsight:
    def __init__(self, model_dir, vision_model_name, language_model_name):
        self.weights = os.path.join(model_dir, "vision_model", vision_model_name)
        assert language_model_name == "language_model.pth"
        self.model = None
    def load_model(self):
        self.model = SimpleNamespace(training=open(self.weights).read() == "training")
        print("Model loaded successfully")
    def encode(self, images=None, texts=None):
        if images and b"broken" in base64.b64decode(images[0]):
            raise ValueError("Failed to decode base64 image")
        angle = lambda given: np.array([[np.cos(len(given)), np.sin(len(given))]], dtype=np.float32) * 3
        return {"image_embeddings": angle(base64.b64decode(images[0])), "text_embeddings": angle(texts[0])}
"""

RADEVAL = """
from misbehaviour import misbehave, number

KEYS = {"radgraph_radcliq": ["radgraph_radcliq"], "radgraph": ["radgraph_simple", "radgraph_partial",
        "radgraph_complete"], "ratescore": ["ratescore"], "green": ["green"]}

class RadEval:
    def __init__(self, metrics=None, openai_api_key=None, gemini_api_key=None, per_sample=False, detailed=False,
                 show_progress=True, cache_dir=None):
        [self.metric] = metrics
        self.per_sample = per_sample
        if self.metric.startswith("radgraph"):
            import RadEval.metrics.radgraph  # under its former name, as version 2.2.1 does
        print("Using device: cpu")
    def __call__(self, refs, hyps):
        assert isinstance(refs, list) and isinstance(hyps, list)
        for text in hyps: misbehave(text)
        if not self.per_sample: return {key: 0.5 for key in KEYS[self.metric]}
        return {key: [number([key, ref, hyp]) for ref, hyp in zip(refs, hyps)] for key in KEYS[self.metric]}
"""

CHEXBERT = """
import numpy as np

class F1CheXbert:
    CONDITIONS = ["Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
                  "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other",
                  "Fracture", "Support Devices"]
    def __init__(self, *, refs_filename=None, hyps_filename=None, device="cuda", batch_size=64):
        assert device == "cpu"
    @property
    def TARGET_NAMES(self): return self.CONDITIONS + ["No Finding"]
    def get_embeddings(self, reports):
        return [np.array([len(text), 2, 3], dtype=np.float32) for text in reports]
    def get_labels(self, reports, mode="rrg", on_batch_done=None):
        assert mode == "classification"
        found = []
        for text in reports:
            held = [name.lower() in text.lower() for name in self.CONDITIONS]
            unsure = [("possible " + name).lower() in text.lower() for name in self.CONDITIONS]
            found.append([-1 if u else int(h) for h, u in zip(held, unsure)] + [int(not any(held))])
        return found
"""

RADEVAL_BERTSCORE = """
from misbehaviour import number

class BertScore:
    def __init__(self, model_type="distilbert-base-uncased", num_layers=5, rescale_with_baseline=True, idf=False,
                 batch_size=64):
        self.given = [model_type, num_layers, rescale_with_baseline, idf]
    def __call__(self, refs, hyps, on_batch_done=None):
        values = [number([self.given, ref, hyp]) for ref, hyp in zip(refs, hyps)]
        return sum(values) / len(values), values
"""

PACKAGES = {
    "misbehaviour.py": MISBEHAVE,
    "torch.py": TORCH,
    "bert_score/__init__.py": BERT_SCORE,
    "bleurt_pytorch/__init__.py": BLEURT,
    "alignscore/__init__.py": ALIGNSCORE,
    "medcat/__init__.py": "",
    "medcat/cat.py": MEDCAT,
    "radeval/__init__.py": RADEVAL,
    "radeval/metrics/__init__.py": "",
    "radeval/metrics/radgraph/__init__.py": "",
    "radeval/metrics/f1chexbert/__init__.py": CHEXBERT,
    "radeval/metrics/bertscore/__init__.py": "",
    "radeval/metrics/bertscore/bertscore.py": RADEVAL_BERTSCORE,
    "radeval-2.2.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: radeval\nVersion: 2.2.1\n",
    "transformers-4.49.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: transformers\nVersion: 4.49.0\n",
    "medcat-1.11.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: medcat\nVersion: 1.11.1\n",
    "bert_score-0.3.13.dist-info/METADATA": "Metadata-Version: 2.1\nName: bert-score\nVersion: 0.3.13\n",
}


def number(given: Any) -> float:
    """The value of the stand-ins for what they are given."""
    return crc32(json.dumps(given).encode()) / 2**32


def make_environment(folder: Path) -> Path:
    """The environment; NumPy is the one that runs the tests."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/*/site-packages")
    for name, text in PACKAGES.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text, encoding="utf-8")
    home = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (home / name).exists():
            (packages / name).symlink_to(home / name)
    return folder


def make_pack(path: Path, **changes: Any) -> Path:
    """A model pack for the stand-in of MedCAT: effusion, mass and lung, and an image, whose type does not count."""
    names = {"effusion": "C01", "hydrothorax": "C01", "mass": "C02", "lung": "C03", "image": "C09"}
    types = {"C01": "T047", "C02": "T033", "C03": "T023", "C09": "T124"}
    path.write_text(json.dumps({"id": "0" * 16, "names": names, "types": types, **changes}), encoding="utf-8")
    return path


def make_similarity(folder: Path, *, weights: str = "weights") -> Path:
    """A clone of MedImageInsights with the stand-in of its code."""
    vision = folder / "2024.09.27" / "vision_model"
    vision.mkdir(parents=True)
    (vision / "medimageinsigt-v1.0.0.pt").write_text(weights, encoding="utf-8")
    (folder / "medimageinsightmodel.py").write_text(MEDIMAGEINSIGHT, encoding="utf-8")
    return folder
