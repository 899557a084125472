"""One job of a grid in this process, for `bench.work`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from sparserec.axes import RECOMMENDERS
from sparserec.bench.data import HELD_OUT, dataset
from sparserec.bench.machine import peak_rss
from sparserec.bench.measure import measure
from sparserec.bench.results import Job
from sparserec.bench.timing import timed
from sparserec.errors import SparserecError
from sparserec.runs import train
from sparserec.tables import choose_device, device_name


def one(call: dict[str, Any]) -> dict[str, Any]:
    """Train a job's run, or go on with it; in the run phase, measure it on the test part too.

    Args:
        call: see `bench.work.Do`; when the process that it names as "parent" is gone, the run ends and can be resumed.

    Returns:
        "valid" and "valid_recall" of the chosen "epoch", the "curve" of validation NDCG@20, "seconds" of training in
        this process and whether it was "resumed" (then they are not all), the "peak_rss" of this process, "threads",
        "device" and "workers"; in the run phase also what `measure` returns.
    """
    job, folder, parent = Job(**call["job"]), Path(call["folder"]), call.get("parent")
    data = dataset(Path(call["data"]), job.dataset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    resumed = folder.exists()
    seconds, run = timed(
        lambda: train(
            data,
            folder,
            threads=call["threads"],
            device=call["device"],
            resume=True,
            report=lambda progress: _check_parent(parent),
            **{"recipe": job.base, **job.settings, "data": {**HELD_OUT, **job.settings.get("data", {})}},
        )
    )
    if run.ended == "interrupted":  # what it learned is kept in its folder, and no result
        raise SparserecError("interrupted")
    best, where = run.valid_metrics(), choose_device(call["device"], RECOMMENDERS[run.config.model].on_gpu)
    figures = {"seconds": round(seconds, 1), "resumed": resumed}
    figures |= {"valid": best["ndcg@20"], "valid_recall": best["recall@20"], "epoch": best["epoch"]}
    figures["curve"] = [round(entry["ndcg@20"], 4) for entry in run.log()]
    if job.phase == "run":
        figures |= measure(run, folder / "model.safetensors", where)
        if not call["keep"]:
            shutil.rmtree(folder)
    conditions = {"threads": call["threads"], "device": device_name(where), "workers": call["workers"]}
    return {**figures, "peak_rss": peak_rss(), **conditions}


def _check_parent(number: int | None) -> None:
    """Two runs in one folder would disturb each other: one that nobody waits for makes room for the next."""
    if number is not None and os.getppid() != number:
        raise SparserecError("the process that began this run is gone")
