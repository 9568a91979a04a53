"""Programs that the tests of a mutant start import the mutant as well: Python runs this file when it begins."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import mutating

sys.path.pop(0)
mutating.install_inherited()
