"""What is installed: Python, torch and its CUDA, bitsandbytes, torchvision, the extras."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from runners.doctor import Finding
from runners.doctor.pairs import installed

_OURS = "imageclef-harness"
_PYTHON = ">=3.11"
_BIG = "models of more than about a billion parameters in reasonable time"


def packages() -> Iterator[Finding]:
    """One finding a package."""
    yield python()
    yield torch_and_cuda()
    yield torchvision()
    yield quantizer()
    yield from extras()


def python() -> Finding:
    """The interpreter."""
    version = platform.python_version()
    wanted = _asked_python()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Finding("ok", "Python", version, facts={"version": version})
    return Finding("problem", "Python", version, "every verb", f"make the environment with Python {wanted}")


def torch_and_cuda() -> Finding:
    """torch, its CUDA and the driver."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return Finding("problem", "torch", f"cannot be imported: {error}", "every run", 'pip install "torch>=2.6"')
    build = torch.version.cuda
    facts = {"version": str(torch.__version__), "cuda": build}
    text = f"{torch.__version__}, {f'CUDA {build}' if build else 'built without CUDA'}"
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
        named = ", ".join(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)" for card in cards)
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        note = "" if bf16 else "; without bfloat16, so float16 is used"
        return Finding("ok", "torch", f"{text}; {named}{note}", facts={**facts, "cards": len(cards), "bf16": bf16})
    driver = shutil.which("nvidia-smi") is not None
    if driver and not build:
        mend = "install torch with CUDA: pytorch.org/get-started says how for this driver"
        return Finding(
            "warning", "torch", f"{text}, though there is an NVIDIA driver", "the use of the GPU", mend, facts
        )
    if build and driver:
        mend = f"nvidia-smi shows the driver: CUDA {build} needs a newer one, or another program has hidden the cards"
        return Finding("warning", "torch", f"{text}, but no card answers", "the use of the GPU", mend, facts)
    return Finding("warning", "torch", f"{text}; no GPU", _BIG, "a machine with an NVIDIA GPU", facts)


def torchvision() -> Finding:
    """Without torchvision images are prepared by PIL; a torchvision that cannot load breaks every model.

    PyPI's torchvision is built for CUDA: beside a torch without, `import torchvision` ends with "operator
    torchvision::nms does not exist" (github.com/pytorch/vision/issues/9174), and transformers, which looks only
    whether it is installed, then fails to import its models.
    """
    if importlib.util.find_spec("torchvision") is None:
        return Finding("ok", "torchvision", "not installed, and not needed: images are prepared by PIL")
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        return Finding(
            "problem",
            "torchvision",
            f"{installed('torchvision')} does not load beside torch {installed('torch')}: {error}",
            "every model: transformers believes it is there",
            "pip uninstall torchvision, or install the build that matches torch",
        )
    return Finding(
        "ok", "torchvision", f"{installed('torchvision')} loads", facts={"version": installed("torchvision")}
    )


def quantizer() -> Finding:
    """bitsandbytes: whether it brings a library for this machine, without the seconds that importing it takes."""
    version = installed("bitsandbytes")
    prevents = "quantization: nf4 and int8, also of the embedded sample"
    mend = 'pip install "bitsandbytes>=0.50"'
    spec = importlib.util.find_spec("bitsandbytes")
    if version is None or spec is None or not spec.submodule_search_locations:
        return Finding("problem", "bitsandbytes", "not installed", prevents, mend)
    folder = Path(spec.submodule_search_locations[0])
    try:
        build = importlib.import_module("torch").version.cuda
    except (ImportError, OSError):
        build = None
    major = str(build).partition(".")[0]
    pattern = f"libbitsandbytes_cuda{major}*" if build else "libbitsandbytes_cpu*"
    libraries = sorted(path for path in folder.glob(pattern) if path.suffix in {".so", ".dll", ".dylib"})
    if not libraries:
        what = f"CUDA {build}" if build else "the CPU"
        return Finding("problem", "bitsandbytes", f"{version} brings no library for {what}", prevents, mend)
    if not build:
        try:
            ctypes.CDLL(str(libraries[0]))
        except OSError as error:
            return Finding("problem", "bitsandbytes", f"{version}, {error}", prevents, mend)
    return Finding("ok", "bitsandbytes", f"{version}, {libraries[-1].name}", facts={"version": version})


def extras() -> Iterator[Finding]:
    """The optional parts of this program, from its own metadata."""
    try:
        about = metadata.metadata(_OURS)
        lines = [Requirement(line) for line in metadata.requires(_OURS) or []]
    except metadata.PackageNotFoundError:
        return
    for extra in about.get_all("Provides-Extra") or []:
        asked = [line for line in lines if line.marker and line.marker.evaluate({"extra": extra})]
        missing = sorted(line.name for line in asked if installed(line.name) is None)
        text = "installed" if not missing else f"not installed (optional): {', '.join(missing)}"
        mend = f"pip install -e '.[{extra}]'" if missing else ""
        yield Finding("ok", f"extra {extra}", text, mend=mend, facts={"missing": missing})


def _asked_python() -> str:
    try:
        return str(metadata.metadata(_OURS)["Requires-Python"] or _PYTHON)
    except metadata.PackageNotFoundError:
        return _PYTHON
