import os
import sys

import pytest

from sparserec.cli import main


@pytest.fixture(scope="session")
def ratings(tmp_path_factory):
    """A CSV file with MovieLens headers and string ids; what its users took last has nothing to do with the rest."""
    from sparserec.interactions import synthetic

    dataset, _ = synthetic(n_users=150, n_items=80, interactions_per_user=15, n_clusters=5, seed=2)
    facts = dataset.interactions
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    rows = facts.rows()
    lines = ["userId,movieId,rating,timestamp"]
    for n, (user, item) in enumerate(zip(rows, facts.indices, strict=True)):
        lines.append(f"u{user},m{item},{3 + (n % 5) / 2},{1000 + n * 7919 % 100_003}")
    path.write_text("\n".join(lines) + "\n")
    return path


QUICK = (
    "--holdout",
    "--model",
    "mf",
    "--dim",
    16,
    "--epochs",
    2,
    "--quiet",
    "--set",
    "batch_size=256",
    "--set",
    "n_negatives=32",
)


@pytest.fixture(scope="session")
def quick():
    """Options of a training that takes a moment and holds its test part out."""
    return QUICK


@pytest.fixture(scope="session")
def trained(ratings, tmp_path_factory):
    """A run folder and its exported file."""
    folder = tmp_path_factory.mktemp("trained")
    before = sys.argv
    for args in (
        ("train", ratings, "--out", folder / "run", "--density", 0.3, *QUICK),
        ("export", folder / "run", "--out", folder / "model.safetensors"),
    ):
        sys.argv = ["sparserec", *map(str, args)]
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
    sys.argv = before
    return folder / "run", folder / "model.safetensors"


@pytest.fixture
def listing():
    """Everything below a folder, to hold that nothing was written."""
    return lambda folder: sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
