"""One job of a grid in this process: `python -m sparserec.bench.one JSON`, for `bench.work`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from sparserec.axes import RECOMMENDERS
from sparserec.bench.data import dataset
from sparserec.bench.measure import measure
from sparserec.bench.results import Job
from sparserec.errors import SparserecError
from sparserec.runs import train
from sparserec.tables import choose_device, device_name


def one(call: dict[str, Any]) -> dict[str, Any]:
    """Train a job's run, or go on with it; in the run phase, measure it on the test part too.

    Args:
        call: "job" as a dictionary, "data" (folder of data sets), "folder" (of the run), "threads", "device",
            "workers" (how many run at a time), "keep", and "parent", the number of the process that asks: when it is
            gone, the run ends and can be resumed.

    Returns:
        "valid" and "valid_recall" of the chosen "epoch", the "curve" of validation NDCG@20, "seconds" of training in
        this process and whether it was "resumed" (then they are not all), the "peak_rss" of this process, "threads",
        "device" and "workers"; in the run phase also what `measure` returns.
    """
    job, folder = Job(**call["job"]), Path(call["folder"])
    data = dataset(Path(call["data"]), job.dataset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    resumed = folder.exists()
    began = time.perf_counter()
    run = train(
        data,
        folder,
        recipe=job.settings.get("recipe"),
        threads=call["threads"],
        device=call["device"],
        resume=True,
        report=lambda progress: _check_parent(call.get("parent")),
        **_own(job),
    )
    found: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1), "resumed": resumed}
    if run.ended == "interrupted":  # what it learned is kept in its folder, and no result
        raise SparserecError("interrupted")
    best = run.valid_metrics()
    found |= {"valid": best["ndcg@20"], "valid_recall": best["recall@20"], "epoch": best["epoch"]}
    where = choose_device(call["device"], RECOMMENDERS[run.config.model].on_gpu)
    log = run.log()
    found["curve"] = [round(entry["ndcg@20"], 4) for entry in log]
    if job.phase == "run":
        found |= measure(run, folder / "model.safetensors", where)
        if not call["keep"]:
            shutil.rmtree(folder)
    conditions = {"threads": call["threads"], "device": device_name(where), "workers": call["workers"]}
    return {**found, "peak_rss": peak_rss(), **conditions}


def _check_parent(number: int | None) -> None:
    """Two runs in one folder would disturb each other: one that nobody waits for makes room for the next."""
    if number is not None and os.getppid() != number:
        raise SparserecError("the process that began this run is gone")


def _own(job: Job) -> dict[str, Any]:
    return {name: value for name, value in job.settings.items() if name != "recipe"}


def peak_rss() -> int | None:
    """Highest resident memory of this process in bytes, where Linux tells; getrusage's would include the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    try:
        print(json.dumps(one(json.loads(sys.argv[1]))))
    except SparserecError as error:
        sys.exit(str(error))
