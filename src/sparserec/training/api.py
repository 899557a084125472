"""`train`: the whole way from interactions to a run folder in one call."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numba
import torch
from numba.core import config as numba_config
from threadpoolctl import threadpool_limits

from sparserec.errors import SparserecError
from sparserec.files import filling
from sparserec.interactions import Dataset, Split
from sparserec.recommenders import Recommender
from sparserec.tables import choose_device, device_name
from sparserec.training.build import build, build_plan, build_trainer, build_view
from sparserec.training.config import RunConfig, load_config
from sparserec.training.data import cut, read
from sparserec.training.kinds import KINDS
from sparserec.training.refit import FINAL, everything, settled
from sparserec.training.run import Run
from sparserec.training.start import needs_teacher, same_teacher
from sparserec.training.tasks import Task
from sparserec.training.trainer import Reporter, Trainer


def train(
    data: Dataset | str | os.PathLike[str],
    /,
    out: str | os.PathLike[str] | None = None,
    *,
    recipe: str | None = None,
    config: RunConfig | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "auto",
    resume: bool = False,
    teacher_from: str | os.PathLike[str] | None = None,
    report: Reporter | None = None,
    stage: Callable[[str], None] | None = None,
    **settings: Any,
) -> Run:
    """Train a recommender and return its run.

    The validation part is cut from the training data; the test part is not looked at. With `refit` the model is then
    trained once more on both parts, with what validation chose. Ctrl-C ends the training
    early and leaves a run folder that can be evaluated, exported and resumed; `Run.ended` says so.

    Args:
        data: what `sparserec.load` returned, or a file or folder to load.
        out: the run folder; a new temporary folder when None.
        recipe: name of a recipe of the package.
        config: a complete `RunConfig`, or a TOML file, instead of a recipe.
        threads: CPU threads; when None as many as OMP_NUM_THREADS says, else all. The result does not depend on it,
            see docs/guide/training.md.
        device: "cpu", "cuda", or "auto": a CUDA device where there is one and the recommender can be trained there (mf,
            lightgcn and neumf can). Results of two devices are not the same to the last digit.
        resume: continue the run in `out` if there is one.
        teacher_from: a run folder of the same data, seed and teacher settings whose teacher is taken, with its rank: it
            is about half of the time. With another budget a run by itself may have chosen another rank.
        report: called with a `Progress` after every step.
        stage: called with a few words when a long stage begins.
        **settings: single settings of `RunConfig`, put over the recipe or file.

    Raises:
        SparserecError: for settings or data that cannot be used; nothing is left half-written.
    """
    say = stage or (lambda words: None)
    chosen = _settle(recipe, config, settings)
    set_threads(threads)
    where = choose_device(device, KINDS[chosen.model].on_gpu)
    dataset = data if isinstance(data, Dataset) else _read(data, chosen, say)
    say("splitting")
    parts = cut(dataset, chosen.data)
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="sparserec-"))
    known = resume and (folder / "config.toml").exists()
    if not known and (folder / "config.toml").exists():
        raise SparserecError(f"{folder} holds a run already; resume it (--resume) or choose another folder")
    run = Run.open(folder, parts) if known else None
    if run is not None and run.config != chosen:  # before anything of the run is written over
        raise SparserecError(f"{folder}: was made with other data or another configuration; train into a new folder")
    lender = _lender(teacher_from, chosen, parts) if teacher_from is not None else None
    say("building the initial mask")
    with filling(folder):
        model, task = build(chosen, parts, folder, say, lender, device=where)
        run = run or Run.create(folder, chosen, parts, dataset.source)
    with _stop_on_interrupt() as stop:
        trainer = _trainer(chosen, parts, model, task, folder, report, stop)
        if known:
            say("resuming")
            trainer.resume()
        say("training" if where.type == "cpu" else f"training on {device_name(where)}")
        run.ended = trainer.run()
        refits = run.ended != "interrupted" and chosen.refit and parts.valid.nnz > 0
        if refits and not _refit(run, parts, say, report, stop, lender, where):
            run.ended = "interrupted"
    return run


def _trainer(
    config: RunConfig,
    parts: Split,
    model: Recommender,
    task: Task,
    folder: Path,
    report: Reporter | None,
    stop: Callable[[], bool],
    until: int | None = None,
    rounds: bool | None = None,
) -> Trainer:
    plan, view = build_plan(config, parts, model, until, rounds), build_view(config, model)
    return build_trainer(config, parts, model, task, plan, folder, report=report, stop=stop, view=view)


def _lender(folder: str | os.PathLike[str], config: RunConfig, parts: Split) -> Path:
    """The folder of a run whose teacher is the one of this configuration."""
    other = Run.open(folder, parts)
    if not needs_teacher(config):
        raise SparserecError(f"loss {config.loss} with {config.epochs} epochs has no teacher to take from {folder}")
    if not same_teacher(other.config, config):
        raise SparserecError(
            f"{folder} has another teacher, or none: dim, init_power, seed and the settings of teacher must be the same"
        )
    if not _has_teacher(other.folder):
        raise SparserecError(f"{folder} has no teacher yet: resume it, or take another run's")
    return other.folder


def _has_teacher(folder: Path) -> bool:
    return (folder / "start.safetensors").exists() and (folder / "teacher.npy").exists()


def _refit(
    run: Run,
    parts: Split,
    say: Callable[[str], None],
    report: Reporter | None,
    stop: Callable[[], bool],
    lender: Path | None,
    device: torch.device,
) -> bool:
    """Train once more on the training and validation parts together; whether it came to its end.

    What validation chose is taken as it is: the teacher's settings, and the number of epochs.
    """
    folder, config, whole = run.folder / FINAL, settled(run.config, run.folder), everything(parts)
    if (folder / "best.safetensors").exists():
        return True
    say("once more with all interactions, validation included")
    until, rounds = int(run.valid_metrics()["epoch"]) + 1, run.is_rounded
    if lender is not None:
        lender = lender / FINAL if _has_teacher(lender / FINAL) else None
    with filling(folder):
        model, task = build(config, whole, folder, say, lender, run.folder, device)
    trainer = _trainer(config, whole, model, task, folder, report, stop, until, rounds)
    trainer.resume()
    say("training")
    return trainer.run() != "interrupted"


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads of torch, of the kernels and of BLAS; None takes `default_threads`."""
    count = threads if threads is not None else default_threads()
    if count < 1:
        raise SparserecError(f"threads must be at least 1, not {count}")
    torch.set_num_threads(count)
    # What the environment variable of this name allows, else all.
    most = numba_config.NUMBA_NUM_THREADS  # pyright: ignore[reportAttributeAccessIssue]
    numba.set_num_threads(min(count, most))
    threadpool_limits(count, user_api="blas")


def default_threads() -> int:
    """What the environment variable OMP_NUM_THREADS says, else the cores that this process may use.

    These are as joblib counts them: those of its affinity, and within a container's quota.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(asked) if asked.isdecimal() and int(asked) else joblib.cpu_count()


def _settle(
    recipe: str | None, config: RunConfig | str | os.PathLike[str] | None, settings: dict[str, Any]
) -> RunConfig:
    if isinstance(config, RunConfig):
        if recipe is not None or settings:
            raise SparserecError("give either a complete configuration or a recipe with settings, not both")
        return config
    return load_config(recipe, Path(config) if config is not None else None, **settings)


def _read(data: str | os.PathLike[str], config: RunConfig, say: Callable[[str], None]) -> Dataset:
    say(f"reading {data}")
    return read(data, config.data)


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a wish to stop; a second one interrupts at once."""
    wish = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wish.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: Any) -> None:
        wish.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield wish.is_set
    finally:
        signal.signal(signal.SIGINT, before)
