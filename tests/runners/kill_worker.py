"""Runs `imageclef run` again and again, each time in a child of its own that a kill -9 may hit at any moment.

    python -m tests.runners.kill_worker OUT SEED KILLS CONFIG [SETTING ...]

The parent imports the heavy packages once and forks: what is killed is a real process in the real run, without
paying for imports at every try. Prints one JSON line: how many kills hit, how many lines the journal held at each.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Kill the run KILLS times at random moments, then let it end."""
    out, seed, kills, config, *settings = sys.argv[1:]
    command = ["run", config, "--run", "killed", "--out", out]
    for setting in settings:
        command += ["--set", setting]

    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)  # a forked child cannot use its parent's thread pool

    randomly = random.Random(int(seed))
    lines: list[int] = []
    for _ in range(int(kills)):
        before = _journal_lines(Path(out))
        child = _start(command)
        # Now while it loads, now between two lines of the journal or in the middle of one.
        wanted = randomly.choice((0, 1, 2, 3))
        time.sleep(randomly.uniform(0.05, 0.5))
        while wanted and _journal_lines(Path(out)) < before + wanted and not os.waitpid(child, os.WNOHANG)[0]:
            time.sleep(0.002)
        time.sleep(randomly.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break  # it ended before the kill came
        lines.append(_journal_lines(Path(out)))
    _, status = os.waitpid(_start(command), 0)
    print(json.dumps({"kills": len(lines), "lines": lines, "status": os.waitstatus_to_exitcode(status)}))


def _journal_lines(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.glob("*/killed/predictions.0.jsonl"))


def _start(command: list[str]) -> int:
    child = os.fork()
    if child == 0:
        # Whatever happens in the child, it must not go on as a second parent.
        status = 1
        try:
            import imageclef

            sys.argv = ["imageclef", *command]
            imageclef.cli(args=command, standalone_mode=False)
            status = 0
        finally:
            os._exit(status)
    return child


if __name__ == "__main__":
    main()
