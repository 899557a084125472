"""`train`: the whole way from interactions to a run folder in one call."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sparserec import recommenders, starts, tables, training
from sparserec.axes import RECOMMENDERS
from sparserec.course import Course, Lines, Listener, News
from sparserec.errors import SparserecError, option
from sparserec.files import filling, sweep, together
from sparserec.forks import start_threads
from sparserec.interactions import Dataset, Split
from sparserec.interactions.request import Request
from sparserec.runs.data import KEPT, READING, cut, keep, read, settled
from sparserec.runs.refit import FINAL, adds_something, everything, first_epoch
from sparserec.runs.run import Run
from sparserec.runs.threads import checked_threads, set_threads
from sparserec.settings import RunConfig, load_config


def train(
    data: Any,
    /,
    out: str | os.PathLike[str] | None = None,
    *,
    recipe: str | None = None,
    config: RunConfig | str | os.PathLike[str] | None = None,
    threads: int | None = None,
    device: str = "auto",
    resume: bool = False,
    teacher_from: str | os.PathLike[str] | None = None,
    report: training.Reporter | None = None,
    stage: Callable[[str], None] | None = None,
    follow: Listener | None = None,
    verbose: bool = False,
    export: bool = False,
    **settings: Any,
) -> Run:
    """Train a recommender and return its run.

    Settings are chosen on a validation part, by a first training that sees neither that nor the test part. With
    `refit`, which is the rule, the model is then trained once more with what was chosen: on everything, or, where the
    test part is held out (`data={"holdout": True}`, a named split, a test file), on all but that. Ctrl-C ends the
    training early and leaves a run folder that can be evaluated, exported and resumed; `Run.ended` says so.

    Args:
        data: what `sparserec.load` returned, or what it takes: a path, a frame, a sparse matrix.
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
        stage: called with a few words when a stage begins, and for whatever else there is to say.
        follow: called with `sparserec.course.News`: which stage of how many, how far it is, and the time left.
        verbose: print these as lines.
        export: whether a file for devices is to be made: refuses a recommender that none can hold before it is trained.
        **settings: single settings of `RunConfig`, put over the recipe or file, and arguments of `load` where `data` is
            still to be read. Columns and a budget are ceilings: a small catalogue takes what is of use.

    Raises:
        SparserecError: for settings or data that cannot be used; nothing is left half-written.
    """
    start_threads()
    course = Course(_listeners(stage, follow, verbose))
    chosen = _settle(recipe, config, settings)
    threads = checked_threads(threads)
    if device not in ("auto", "cpu"):  # which may be refused; to ask loads torch, which else waits for the data
        tables.choose_device(device, RECOMMENDERS[chosen.model].on_gpu)
    dataset = data if isinstance(data, Dataset) else _read(data, chosen, course)
    for words in (read_words(dataset), *dataset.notes):
        course.note(words)
    if dataset.untimed and RECOMMENDERS[chosen.model].next_item:
        raise SparserecError(f"{chosen.model} learns from the order in time: {dataset.untimed}")
    if export:
        _check_export(chosen.model)
    chosen, split = _fitted_to(_with_reading(chosen, dataset), dataset, course)
    set_threads(threads)
    where = tables.choose_device(device, RECOMMENDERS[chosen.model].on_gpu)
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="sparserec-"))
    for place in (folder, folder / FINAL):  # what an earlier call left that was killed
        sweep(place)
    run = _opened(folder, chosen, split, resume)
    known = run is not None
    lender = _teacher_run(teacher_from, chosen, split) if teacher_from is not None else None
    context = starts.Context(chosen, split, folder, course, where, lender)
    from sparserec.runs.said import planned_run

    course.plan(planned_run(chosen, split, lent=lender is not None))
    with filling(folder), _leaving_nothing(folder, unless=known):
        model, task = starts.begin(context)
        if run is None:
            with together(*([] if dataset.from_path else [folder / KEPT])):
                if not dataset.from_path:
                    keep(folder, dataset)
                run = Run.create(folder, chosen, split, dataset.source, dataset.from_path)
    session = _Session(report)
    trainer = session.trainer(context, model, task)
    if known:
        trainer.resume()
    course.begin("training")
    if where.type != "cpu":
        course.detail(f"training on {tables.device_name(where)}")
    run.ended = session.run(trainer)
    if run.ended != "interrupted" and not _finished(context):
        run.ended = "interrupted"
    refits = run.ended != "interrupted" and chosen.refit and adds_something(split, run.holds_out)
    if refits and not _refit(run, context, session):
        run.ended = "interrupted"
    if run.ended != "interrupted":
        course.end()
    return run


def _listeners(
    stage: Callable[[str], None] | None, follow: Listener | None, verbose: bool
) -> Callable[[News], None] | None:
    """One listener of several."""
    lines = [Lines(verbose=True)] if verbose else []
    told: list[Listener] = [*lines, *([follow] if follow else [])]
    if stage is not None:
        told.append(lambda news: None if news.kind in ("count", "end") else stage(news.words))

    def tell(news: News) -> None:
        for listener in told:
            listener(news)

    return tell if told else None


def _fitted_to(config: RunConfig, dataset: Dataset, course: Course) -> tuple[RunConfig, Split]:
    """The settings as the data allow them, and the data cut; says what was read and how large the file will be."""
    from sparserec.runs.said import size_words, training_words  # late: it loads what is needed beyond reading

    training.refuse_impossible(config)
    config = config.settled(test_file=dataset.test is not None)
    data, why = settled(dataset, config.data)
    config = config.model_copy(update={"data": data})
    if why:
        course.note(why)
    split = cut(dataset, config.data)
    starts.refuse_hopeless(config, split, dataset.source)
    fit = starts.fitted(config, split)
    for words in (*split.notes, *fit.notes, *size_words(fit.config, split), training_words(fit.config, split)):
        course.note(words)
    return fit.config, split


@dataclass(frozen=True)
class _Session:
    """What both trainings of a run have in common: whom they tell of each step, and that Ctrl-C stops them."""

    report: training.Reporter | None
    wish: threading.Event = field(default_factory=threading.Event)

    def trainer(
        self,
        context: starts.Context,
        model: recommenders.Recommender,
        task: training.Task,
        until: int | None = None,
        rounds: bool | None = None,
        first: int = 0,
    ) -> training.Trainer:
        """The training of a model in the folder of a context; `until`, `rounds`, `first` as for `build_plan`."""
        config, split = context.config, context.split
        plan = training.build_plan(config, split, model, until, rounds, first)
        if not task.size:
            plan = replace(plan, epochs=0, first=0)
        view = training.build_view(config, model, starts.bytes_beside_ids(config, split.train.items, None))

        def report(progress: training.Progress) -> None:
            context.course.count(progress.step, progress.steps)
            if self.report is not None:
                self.report(progress)

        return training.build_trainer(
            config, split, model, task, plan, context.folder, report=report, stop=self.wish.is_set, view=view
        )

    def run(self, trainer: training.Trainer) -> str:
        """Train; the first Ctrl-C is a wish to stop after a step, a second one interrupts at once."""
        with _wished_on_interrupt(self.wish):
            return trainer.run()


def _opened(folder: Path, config: RunConfig, split: Split, resume: bool) -> Run | None:
    """The run in a folder that is to be resumed; None where there is none."""
    if not (folder / "config.toml").exists():
        return None
    if not resume:
        raise SparserecError(f"{folder} holds a run already; resume it (--resume) or choose another folder")
    run = Run.open(folder, split)
    if run.config != config and run.config == _with_holdout(config, run.holds_out):
        raise SparserecError(
            f"{folder}: that run {'holds' if run.holds_out else 'does not hold'} its test part out; go on with "
            f"{option('holdout', run.holds_out)}, or train into a new folder"
        )
    if run.config != config:  # before anything of the run is written over
        raise SparserecError(f"{folder}: was made with other data or another configuration; train into a new folder")
    return run


def _with_holdout(config: RunConfig, holdout: bool) -> RunConfig:
    return config.model_copy(update={"data": config.data.model_copy(update={"holdout": holdout})})


@contextmanager
def _leaving_nothing(folder: Path, unless: bool) -> Iterator[None]:
    """Settings that can't work leave no stages behind; an interruption does, and the next call goes on from them."""
    try:
        yield
    except SparserecError:
        if not unless:
            starts.remove_start(folder)
        raise


def _teacher_run(folder: str | os.PathLike[str], config: RunConfig, split: Split) -> Path:
    """The folder of a run whose teacher is the one of this configuration."""
    other = Run.open(folder, split)
    if not training.needs_teacher(config):
        raise SparserecError(f"loss {config.loss} with {config.epochs} epochs has no teacher to take from {folder}")
    if not starts.same_teacher(other.config, config):
        raise SparserecError(
            f"{folder} has another teacher, or none: dim, init_power, seed and the settings of teacher must be the same"
        )
    if not starts.has_teacher(other.folder):
        raise SparserecError(f"{folder} has no teacher yet: resume it, or take another run's")
    return other.folder


def _lends_again(folder: Path | None, run: Run) -> Path | None:
    """The folder of the second training of the run that lent its teacher, if that was on the same interactions."""
    if folder is None or Run.open(folder).holds_out != run.holds_out or not starts.has_teacher(folder / FINAL):
        return None
    return folder / FINAL


def _refit(run: Run, first: starts.Context, session: _Session) -> bool:
    """Train once more, on everything or on all but a test part that is held out; whether it came to its end.

    What validation chose is taken as it is: the teacher's settings, and the number of epochs.
    """
    folder, course = run.folder / FINAL, first.course
    there = (folder / "best.safetensors").exists()
    if not there:
        course.second()
    until, rounds = run.chosen_epoch + 1, run.is_rounded
    again = everything(first.split, run.holds_out)
    begun = first_epoch(first.config, first.split, again, until)
    lender = _lends_again(first.teacher_run, run)
    context = replace(
        first,
        config=starts.decided(run.config, run.folder),
        split=again,
        folder=folder,
        teacher_run=lender,
        earlier_run=run.folder if first.recommender.from_histories else None,
        goes_on=begun > 0,
    )
    if there:
        return _finished(context)
    from sparserec.runs.said import planned_run

    borrowed = first.teacher_run is not None
    course.plan_second(planned_run(run.config, first.split, borrowed, context.config, until, lender is not None, begun))
    try:
        with filling(folder):
            model, task = starts.begin(context)
    except KeyboardInterrupt:  # there is a run already, which this would only have made better
        return False
    trainer = session.trainer(context, model, task, until, rounds, begun)
    trainer.resume()
    course.begin("training")
    return session.run(trainer) != "interrupted" and _finished(context)


def _finished(context: starts.Context) -> bool:
    """Do what comes after a training's last step; whether it came to its end, and not to a Ctrl-C."""
    try:
        starts.add_item_columns(context)
    except KeyboardInterrupt:
        return False
    return True


def _settle(
    recipe: str | None, config: RunConfig | str | os.PathLike[str] | None, settings: dict[str, Any]
) -> RunConfig:
    if isinstance(config, RunConfig):
        if recipe is not None or settings:
            raise SparserecError("give either a complete configuration or a recipe with settings, not both")
        return config
    reading = {name: value for name, value in settings.items() if name in READING}
    section = settings.get("data") or {}
    if reading and isinstance(section, Mapping):  # as `load` takes it; what is no section is refused below
        others = {name: value for name, value in settings.items() if name not in READING}
        settings = {**others, "data": {**section, **reading}}
    return load_config(recipe, Path(config) if config is not None else None, **settings)


def _check_export(model: str) -> None:
    if not RECOMMENDERS[model].exports:
        able = ", ".join(name for name, kind in RECOMMENDERS.items() if kind.exports)
        raise SparserecError(
            f"a model of {model} can't be exported, as a file for devices holds no such network: train one of {able} "
            f"({option('model')}) for a device, or give {option('export', False)} to train it all the same, for "
            "research"
        )


def _read(data: Any, config: RunConfig, course: Course) -> Dataset:
    course.note(
        f"reading {os.fspath(data)} ..." if isinstance(data, str | os.PathLike) else "reading the interactions ..."
    )
    return read(data, config.data)


def read_words(dataset: Dataset) -> str:
    """Users, items and interactions that were read, and what was folded or left out."""
    facts = dataset.interactions
    words = f"{facts.n_users:,} users, {facts.n_items:,} items, {facts.nnz:,} interactions from {dataset.source}"
    if dataset.test is not None:
        words += f"; {dataset.test.nnz:,} in its test file"
    return words


def _with_reading(config: RunConfig, dataset: Dataset) -> RunConfig:
    """The configuration with how the data was read, so that a run can read it again.

    Raises:
        SparserecError: when it was read otherwise than the configuration says.
    """
    asked = Request.checked(**{name: getattr(config.data, name) for name in READING}).given()
    for name, value in asked.items():
        if dataset.reading.get(name) != value:
            raise SparserecError(f"the interactions were read already, without {option(name, value)}: give it to load")
    if not dataset.reading:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=dict(dataset.reading))})


@contextmanager
def _wished_on_interrupt(wish: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C into a wish to stop; a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: Any) -> None:
        wish.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
