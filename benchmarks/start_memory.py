"""Memory and time of a start from a factorisation, beside the bytes of a dense table.

    python benchmarks/start_memory.py --folder FOLDER
    python benchmarks/start_memory.py --folder FOLDER --parts starts    # the first alone, minutes

The mask and values of matrix factorisation of a made-up catalogue (`sparserec.bench.data.many_users`), each in a
process of its own: peak memory is the highest during the start, less that before it, in which the interactions are.
"held whole" are starts whose factors are dense while they are computed, by scikit-learn's NMF and its randomised SVD.
Then "many": the peak of `train`, from the NMF start, and `export` over a million users and a million items, with all
that Python, torch and the interactions take, after one epoch; and "worth": gowalla, trained from either kind of start
for a few epochs and judged on the validation part. What was measured is remembered in the folder, and stays in the
results when other parts are asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from sparserec.bench.fresh import fresh
from sparserec.bench.machine import reset_peak, status_bytes
from sparserec.bench.script import remembered, run
from sparserec.bench.statistics import spread
from sparserec.bench.timing import timed
from sparserec.files import make_folder

WHOLE = ", held whole"
SETTINGS = {"model": "mf", "dim": 256}


def start(users: int, items: int, density: float, init: str) -> dict[str, Any]:
    """Peak bytes and seconds of one start."""
    from sparserec.bench.data import many_users
    from sparserec.bench.parts import Context, RunConfig
    from sparserec.interactions import split
    from sparserec.starts.factorised import sparse_tables

    _register()

    def make(n_users: int, n_items: int) -> tuple[int, float]:
        config = RunConfig(**SETTINGS, init=init, density=density, data={"holdout": True})
        context = Context(config, split(many_users(n_users, n_items)), Path())
        context.split.train.csr()
        before = reset_peak()
        seconds, _ = timed(lambda: sparse_tables(context))
        return status_bytes("VmHWM") - before, round(seconds, 1)

    make(1000, 800)  # compiles, and loads what a first start loads
    peak, seconds = make(users, items)
    return {"peak bytes": peak, "s": seconds}


def whole_training(folder: str, users: int, items: int) -> dict[str, Any]:
    """Peak bytes of a process that trains and exports."""
    from sparserec import train
    from sparserec.bench.data import many_users

    settings = {**SETTINGS, "init": "nmf", "density": 0.02, "epochs": 1}
    seconds, trained = timed(lambda: train(many_users(users, items), folder, resume=True, **settings))
    file = Path(folder) / "model.safetensors"
    trained.export(file)
    return {
        "peak MB": round(status_bytes("VmHWM") / 1e6),
        "s": round(seconds),
        "bytes of the file": file.stat().st_size,
    }


def worth(folder: str, data: str, init: str, seed: int, epochs: int) -> dict[str, Any]:
    """Validation figures after some epochs."""
    from sparserec import train
    from sparserec.bench.data import HELD_OUT, data_root, dataset

    _register()
    settings = {"model": "mf", "dim": 64, "density": 0.1, "epochs": epochs, "refit": False}
    settings["exploration"] = {"samples": 1}
    known = dataset(data_root(None), data)
    trained = train(known, folder, resume=True, init=init, seed=seed, data=HELD_OUT, **settings)
    found = round(trained.valid_metrics()["ndcg@20"], 4)
    shutil.rmtree(folder)
    return {"valid ndcg@20": found}


def _register() -> None:
    from sparserec.axes import STARTS

    for name in ("nmf", "spectral"):
        if name + WHOLE not in STARTS:
            STARTS.register(name + WHOLE, replace(STARTS[name], entries=None))


def main(
    *,
    folder: Annotated[Path, "for run folders and what was measured"],
    parts: Annotated[Sequence[str], "of starts, many, worth"] = ("starts", "many", "worth"),
    users: int = 60_000,
    items: int = 60_000,
    densities: Sequence[float] = (0.02, 0.1, 0.5),
    many: Annotated[int, "users, and as many items, of the longest run"] = 1_000_000,
    data: str = "gowalla",
    epochs: int = 8,
    seeds: Sequence[int] = (0, 1, 2),
) -> dict:
    make_folder(folder)

    def done(part: str, name: str, call: Callable[..., dict], **given: Any) -> list[dict]:
        """What is known or made now, in a list; an empty one for a part that is not asked for and not there."""
        path = folder / f"{part}-{name}.json"
        return [remembered(path, partial(fresh, call, **given))] if part in parts or path.exists() else []

    dense = 4 * SETTINGS["dim"] * (users + items)
    inits = [(init, density) for init in ("nmf", "spectral") for density in densities]
    inits += [(init + WHOLE, densities[0]) for init in ("nmf", "spectral")]
    rows = []
    for init, density in inits:
        asked = {"users": users, "items": items, "density": density, "init": init}
        for found in done("starts", "-".join(map(str, asked.values())), start, **asked):
            times = round(found["peak bytes"] / dense, 2)
            rows.append({"start": init, "density": density, "times a dense table": times, **found})
            print(rows[-1], flush=True)
    result = {"rows of the tables": users + items, **SETTINGS, "dense table bytes": dense, "starts": rows}
    asked = {"folder": str(folder / "many"), "users": many, "items": many}
    for found in done("many", str(many), whole_training, **asked):
        result |= {"rows of two large tables": 2 * many, "trained and exported": found}
    worths = []
    for init in ("nmf", "nmf" + WHOLE, "spectral", "spectral" + WHOLE):
        found = []
        for seed in seeds:
            name = f"{data}-{init}-{seed}-{epochs}"
            asked = {"folder": str(folder / name), "data": data, "init": init, "seed": seed, "epochs": epochs}
            found += [each["valid ndcg@20"] for each in done("worth", name, worth, **asked)]
        if found:
            worths.append({"data": data, "epochs": epochs, "start": init, "valid ndcg@20": spread(found)})
    return result | {"worth": worths}


if __name__ == "__main__":
    run(main, quick={"users": 2000, "items": 1500, "many": 3000, "data": "ml-latest-small", "epochs": 1, "seeds": [0]})
