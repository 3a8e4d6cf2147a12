"""`python -m tests.runners.tiny FAMILY FOLDER`: write one tiny checkpoint."""

import argparse
from pathlib import Path

from tests.runners.tiny import FAMILIES, build

parser = argparse.ArgumentParser(description="Build a tiny checkpoint with random weights.")
parser.add_argument("family", choices=sorted(FAMILIES))
parser.add_argument("folder", type=Path)
asked = parser.parse_args()
print(build(asked.family, asked.folder))
