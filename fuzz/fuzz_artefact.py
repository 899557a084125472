"""Coverage-guided fuzzing of opening and using an artefact.

    python fuzz/fuzz_artefact.py [CORPUS] [-max_total_time=600]

The fuzzer's bytes choose a base file and the changes to it, or are the file themselves.
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
    if data[:1] == b"\0":
        targets.open_and_recommend(data[1:])
        return
    random = Random(data)
    base = random.choice(BASES.artefacts)
    targets.open_and_recommend(mutations.artefact(base, random), verify_digest=random.random() < 0.9)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
