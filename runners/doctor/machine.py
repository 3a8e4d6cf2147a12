"""The machine: memory, disk, threads, the hub and its cache, Java, MedCAT."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runners.doctor import Finding
from runners.doctor.hub import folder_size, hub_cache, hub_silence

GB = 1e9
_RAM = 16 * GB
_MODEL_DISK = 25 * GB
_RUN_DISK = 0.5 * GB
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def machine(out: Path) -> Iterator[Finding]:
    """One finding a matter; `out` is the folder of the runs."""
    yield memory()
    yield runs_folder(out)
    yield threads()
    yield hub()
    yield cache()
    yield java()
    yield medcat()


def memory() -> Finding:
    """RAM, or what the container is allowed of it."""
    import psutil

    whole = psutil.virtual_memory().total
    limit = _cgroup_limit()
    allowed = min(whole, limit) if limit else whole
    free = min(allowed, psutil.virtual_memory().available)
    text = f"{allowed / GB:.1f} GB, {free / GB:.1f} GB free" + (" (limit of the container)" if allowed < whole else "")
    facts = {"bytes": allowed, "free": free}
    if allowed < _RAM:
        mend = "a model of 7 billion parameters is read through RAM: 16 GB, better 32; smaller ones need less"
        return Finding("warning", "memory", text, "the loading of large models", mend, facts)
    return Finding("ok", "memory", text, facts=facts)


def runs_folder(out: Path) -> Finding:
    """Whether runs can be written, and have room."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        reason = f"{there} cannot be written ({error.strerror or error})"
        return Finding("problem", "runs", reason, "every run", "make it writable, or name another folder with --out")
    free = shutil.disk_usage(there).free
    text = f"{out} can be written, {free / GB:.1f} GB free"
    if free < _RUN_DISK:
        return Finding(
            "problem", "runs", text, "long runs: their journals and submissions", "make room", {"free": free}
        )
    return Finding("ok", "runs", text, facts={"free": free})


def threads() -> Finding:
    """OMP_NUM_THREADS against the cores there are, and how busy they are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    facts = {"cores": cores, "OMP_NUM_THREADS": said or None, "load": round(load, 2)}
    text = f"{cores} cores, OMP_NUM_THREADS {said or 'not set: all cores but one are used'}"
    slow = "a fair speed on the CPU: threads that wait for a busy core were measured 20 times slower"
    if said and not (said.isdigit() and 0 < int(said) <= cores):
        return Finding("warning", "threads", text, slow, f"OMP_NUM_THREADS is a number from 1 to {cores}", facts)
    if load > cores and said != "1":
        text += f"; other programs keep them busy (load {load:.1f})"
        return Finding("warning", "threads", text, slow, "set OMP_NUM_THREADS=1, or wait", facts)
    return Finding("ok", "threads", text, facts=facts)


def hub() -> Finding:
    """Whether models can be downloaded."""
    silence = hub_silence()
    if silence is None:
        return Finding("ok", "hub", "answers", facts={"reachable": True})
    return Finding(
        "warning",
        "hub",
        silence,
        "the download of models; those in the cache, folders and the embedded sample work",
        "fetch them where there is a network (`hf download NAME --local-dir DIR`) and copy the folder here",
        {"reachable": False},
    )


def cache() -> Finding:
    """Where downloaded models lie, how large they are, and the room for more."""
    folder = hub_cache()
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    size = folder_size(folder) if folder.is_dir() else 0
    free = shutil.disk_usage(there).free
    text = f"{folder}: {size / GB:.1f} GB, room for {free / GB:.1f} GB more"
    facts = {"folder": str(folder), "bytes": size, "free": free}
    if not os.access(there, os.W_OK):
        return Finding(
            "warning", "cache", f"{text}; not writable", "downloads", "set HF_HOME to a folder of yours", facts
        )
    if free < _MODEL_DISK:
        mend = "a model of 7 billion parameters has 15 GB: make room, or set HF_HOME to a larger disk"
        return Finding("warning", "cache", text, "the download of large models", mend, facts)
    return Finding("ok", "cache", text, facts=facts)


def java() -> Finding:
    """Java, for the original METEOR, SPICE and Penn Treebank tokens."""
    found = shutil.which("java")
    scores = "METEOR, SPICE and PTB tokens as the original programs compute them; every other score works"
    if found is None:
        return Finding("warning", "Java", "not installed (optional)", scores, "install a Java runtime, version 8 to 14")
    try:
        done = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("warning", "Java", f"{found} does not start: {error}", scores, "install a Java runtime")
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    if done.returncode or match is None:
        said = (done.stderr or done.stdout).strip().partition("\n")[0]
        return Finding("warning", "Java", f"{found} does not work: {said}", scores, "install a Java runtime")
    version = int(match[1])
    if version >= 15:  # pycocoevalcap's SPICE needs the script engine that Java lost there
        mend = "for SPICE put a Java 8 runtime first on the PATH"
        return Finding("warning", "Java", f"version {version}", "SPICE alone", mend, {"version": version})
    return Finding("ok", "Java", f"version {version}", facts={"version": version})


def medcat() -> Finding:
    """MedCAT, whose model packs need a UMLS licence."""
    if importlib.util.find_spec("medcat") is not None:
        return Finding("ok", "MedCAT", "installed; its pack: imageclef score --model medcat=PACK.zip")
    return Finding(
        "ok",
        "MedCAT",
        "not in this environment (optional): the score medcat, and the composites it is part of, need it",
        mend="an environment with medcat<2 (imageclef score --official-env) and a UMLS-licensed pack "
        "(--model medcat=PACK.zip)",
    )


def _cgroup_limit() -> int | None:
    try:
        text = _CGROUP.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
