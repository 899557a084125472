"""Coverage-guided fuzzing of applying a patch.

    python fuzz/fuzz_delta.py [CORPUS] [-max_total_time=600]

The fuzzer's bytes choose a patch and the changes to it, or are the patch themselves.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sparserec"]):
    import mutations
    import targets

from random import Random

BASES = targets.Bases()


def one_input(data: bytes) -> None:
    random = Random(data)
    old, base = random.choice(BASES.patches)
    targets.apply_patch(old, data[1:] if data[:1] == b"\0" else mutations.patch(base, random))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
