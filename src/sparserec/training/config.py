"""The configuration of a training run: parsed once, checked, and written beside its results."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sparserec.errors import SparserecError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """How the interactions are read and split. Part of a run: an evaluation must read the data in the same way."""

    user: str | None = None
    """Name of the user column; None finds it by its usual names."""
    item: str | None = None
    """Name of the item column."""
    timestamp: str | None = None
    """Name of the time stamp column."""
    rating: str | None = None
    """Name of the rating column, needed with `min_rating`."""
    min_rating: float | None = None
    """Interactions rated lower are left out."""
    kcore: int = Field(default=0, ge=0)
    """Users and items with fewer interactions are left out, repeatedly."""
    split: Literal["auto", "given", "random", "leave-last", "global-time"] = "auto"
    """How the test part is cut; "auto" takes the given test file, else "random"."""
    split_seed: int = 0
    """Seed of the split; apart from the seed of training, so that seeds can be compared on one split."""
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of the interactions that is cut off as the test part."""
    valid_users: float = Field(default=0.2, gt=0, le=1)
    """Share of the users whose interactions are used for validation."""
    valid_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of such a user's training interactions that is held out for validation."""


class ExplorationConfig(_Section):
    """When and where the mask moves; see docs/guide/sparsity.md."""

    rounds: int = Field(default=6, ge=0)
    """Explorations over the whole training, evenly spaced until `end`."""
    end: float = Field(default=0.6, gt=0, le=1)
    """Share of the steps after which the mask stands still."""
    drop_fraction: float = Field(default=0.3, ge=0, lt=1)
    """Share that the first exploration moves of the active parameters beyond one a row, which must stay; decays to 0 as
    a cosine."""
    sample_fraction: float | None = Field(default=None, gt=0, le=1)
    """Share of the rows whose gradients are watched in full; None takes four times the density, at most all: the
    evidence then takes about as much memory as the active parameters with their gradients and optimiser state."""
    importance: Literal["interactions", "gradient", "uniform"] = "interactions"
    """What the probability of a row to be watched grows with."""
    alpha: float = Field(default=0.5, ge=0)
    """Exponent of the number of interactions."""
    accumulate: Literal["signed", "absolute", "decay", "last"] = "signed"
    """How gradients add up over the window; "last" keeps those of its last batch alone."""


class TeacherConfig(_Section):
    """The teacher of a history-based recommender: a closed-form filter, averaged with a trained one and, where items
    are few, with EASE; see docs/guide/distillation.md."""

    user_power: float | None = Field(default=None, ge=0)
    """Power of their number by which a user's interactions count less; None chooses between 1 and 0.5 on the validation
    part. This and `smoothing` hold for a start without a teacher too."""
    smoothing: float | None = Field(default=None, ge=0)
    """Interactions added to those of each item where these are divided by; None chooses among 0, 5 and 20."""
    power: float | None = Field(default=None, ge=0)
    """Exponent of the singular values; None chooses among 0, 0.125, 0.25 and 0.5 on the validation part."""
    rank: int | None = Field(default=None, ge=1)
    """Singular values of the teacher; None chooses among all that were found, a half and a quarter of them."""
    neighbours: float | None = Field(default=None, ge=0)
    """Weight of the item-item graph beside the low-pass filter; None chooses among 0, 0.3, 1 and 3 on validation."""
    share: float | None = Field(default=None, ge=0, lt=1)
    """Share of the trained teacher in the average; None chooses among 0, 0.25, 0.5 and 0.75 on validation."""
    trained: Literal["pooled", "lightgcn"] = "pooled"
    """What the trained teacher is: dense item vectors that are summed over a history, or dense LightGCN, which takes
    far longer an epoch; its layers are those of `layers`."""
    ease: float | None = Field(default=None, ge=0, lt=1)
    """Share of EASE in the average with all before; None chooses among 0, 0.25, 0.5 and 0.75 on validation where items
    are at most `ease_items`, and takes none where they are more."""
    ease_items: int = Field(default=12_000, ge=0)
    """Items up to which EASE is tried: its matrix has their square of numbers, and takes time with their cube."""
    regularisation: float | None = Field(default=None, gt=0)
    """Of EASE; None chooses among 100, 400 and 1600 on the validation part."""
    epochs: int = Field(default=8, ge=0)
    """Passes over the users to train the trained teacher; 0 trains none."""
    dim: int = Field(default=256, ge=1)
    """Columns of the trained teacher; fewer where the catalogue is very large."""
    temperature: float = Field(default=0.1, gt=0)
    """Divides the cosines of the trained teacher in its softmax."""
    lr: float = Field(default=0.01, gt=0)
    """Initial step size of the trained teacher."""
    columns: int | None = Field(default=None, ge=1)
    """Columns of the spectrum that the initial table takes, at most `rank`; None chooses all of them or half by the
    validation part, after an epoch with each. A sparse table has a budget, so more columns are not always better."""
    groups: bool | None = None
    """Whether columns for groups of items join those of the spectrum; None lets validation decide."""
    length: int = Field(default=256, ge=20)
    """Items in the list that the teacher makes for each user."""


class RunConfig(_Section):
    """Everything that decides the result of a run, apart from the data. `threads` is a run condition and not here."""

    model: str = "mf"
    """The base recommender, a name of `training.kinds.KINDS`: "mf" and "lightgcn" have a row for each user, "fism" sums
    the item rows of a user's history."""
    method: Literal["sparserec", "static", "set", "rigl", "dsl", "magnitude", "pep", "dense"] = "sparserec"
    """How the mask moves; "dense" has none, "magnitude" and "pep" train a dense table first and prune it."""
    init: Literal["nmf", "random", "spectral"] = "spectral"
    """Where the active parameters are at the start; fism knows "spectral" and "random"."""
    init_power: float = Field(default=0.25, ge=0)
    """Exponent of the singular values in the start of fism."""
    init_values: Literal["factors", "normal"] = "factors"
    """Initial values: the factors that gave the mask, or normal numbers ("random" always takes these)."""
    init_evenness: float = Field(default=0.5, ge=0, le=1)
    """How evenly rows share the initial mask: 0 lets large factors win, 1 gives all rows about as many entries."""
    init_normalise: bool = True
    """Whether "nmf" factorises D_u^-1/2 R D_i^-1/2, or R as it is."""
    init_balance: bool = True
    """Whether the columns of the two factors of "nmf" are brought to equal norms."""
    init_per_table: bool = False
    """Whether each table gets its share of the budget by rows at the start, instead of competing for it."""
    dim: int = Field(default=64, ge=1, le=65_536)
    """Columns of a table; fism takes fewer where the catalogue or the users are fewer."""
    start_numbers: int = Field(default=90_000_000, ge=1)
    """Numbers (items x columns) in a dense matrix at the start of fism at most: very large catalogues get fewer columns
    than `dim`, so that memory and time stay bounded."""
    lesson_numbers: int = Field(default=5_000_000_000, ge=1)
    """Numbers (users x items) that an epoch of distillation ranks at most: of more users a sample learns from the
    teacher, and it and the trained teacher cost no more however many there are."""
    density: float = Field(default=0.1, gt=0, le=1)
    """Share of active parameters; ignored when `budget` is given."""
    budget: str | None = None
    """Bytes of the exported file, raw ids apart: "16B/item", "500kB" or "2MB"."""
    similarity: Literal["cosine", "dot"] = "dot"
    """How a user row and an item row make a score."""
    layers: int = Field(default=3, ge=0, le=16)
    """Propagations over the graph of interactions in lightgcn."""
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(32, 16), min_length=1)
    """Outputs of each layer of the network in neumf."""
    length: int = Field(default=50, ge=1)
    """Newest items of a history that sasrec looks at."""
    blocks: int = Field(default=2, ge=1, le=16)
    """Blocks of attention in sasrec."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the numbers that sasrec sets to 0 at each place of its network in training."""
    loss: Literal["softmax", "bpr", "list-regression", "list-softmax", "relaxed-ranking"] = "softmax"
    """The objective; the last three learn from a teacher's lists and need fism."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the scores in the softmax."""
    negatives: Literal["uniform", "popularity"] = "uniform"
    """Distribution of the negative items."""
    n_negatives: int = Field(default=512, ge=1)
    """Negatives a batch (softmax, shared) or a positive (bpr, own)."""
    batch_size: int = Field(default=1024, ge=1)
    """Examples a step: interactions, or users where the loss is a teacher's."""
    lr: float = Field(default=0.04, gt=0)
    """Initial step size; decays as a cosine to 5 % over `epochs`."""
    relative_lr: float | None = Field(default=None, gt=0)
    """Steps of sparse tables as a share of a row's root mean square, instead of `lr`; None for steps of one size."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """L2 coefficient on the rows that have a gradient: those of the batch, with lightgcn all. It counts a row once a
    step."""
    l2: float = Field(default=0.0, ge=0)
    """L2 coefficient on the user's and the item's rows of each example, as LightGCN is published; it counts a row as
    often as the batch does, and needs a recommender with a row for each user: mf, lightgcn or neumf."""
    epochs: int = Field(default=12, ge=0)
    """Passes over the examples at most; 0 keeps the start as it is."""
    small_epochs: int | None = Field(default=None, ge=1)
    """Takes the place of `epochs` where the loss is a teacher's and users are too few for batches of `batch_size`."""
    patience: int = Field(default=6, ge=1)
    """Epochs without a better validation NDCG@20 before training stops; a factorisation dips in the first ones
    after its spectral start."""
    values: Literal["int8", "float16", "coded"] = "int8"
    """Type of the values in the exported file; "coded" takes the finest rounding that a budget allows."""
    rounding: float = Field(default=0.005, ge=0, le=1)
    """Share of validation NDCG@20 that "coded" values may cost fism. Where they cost more, the last quarter of the
    epochs is trained with values rounded as in the file; with 1 it never is."""
    refit: bool = False
    """Train once more with what validation chose, on the training and validation parts together, for the test part and
    the exported file."""
    seed: int = Field(default=0, ge=0)
    """Seed of everything random in training."""
    recipe: str = "mf"
    """Name of the recipe that the settings started from."""
    dense_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the epochs that "magnitude" and "pep" train dense tables for, rounded down but at least one epoch."""
    exploration: ExplorationConfig = ExplorationConfig()
    teacher: TeacherConfig = TeacherConfig()
    data: DataConfig = DataConfig()

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        from sparserec.training.kinds import KINDS

        if name not in KINDS:
            raise ValueError(f"there is no such recommender; there are {', '.join(KINDS)}")
        return name


DEFAULT_RECIPE = "fism"


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("sparserec") / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_config(recipe: str | None = None, file: Path | None = None, **overrides: Any) -> RunConfig:
    """A configuration from a recipe or a TOML file, with single settings put over it.

    Args:
        recipe: name of a recipe of the package. When neither is given it is that of the `model` asked for, "mf" where
            it has none, else "fism".
        file: a TOML file of the user's, instead of a recipe.
        **overrides: settings by name; None means not given. A dictionary goes into a section. A density takes the
            place of a recipe's budget, epochs that of its epochs for small catalogues too.

    Raises:
        SparserecError: for an unknown recipe, a file that isn't TOML, an unknown key or a value out of range.
    """
    if recipe is not None and file is not None:
        raise SparserecError("give either a recipe or a configuration file, not both")
    name = recipe or _recipe_of(overrides.get("model"))
    settings, origin = (_read(file), str(file)) if file else _recipe(name)
    if overrides.get("density") is not None and overrides.get("budget") is None:
        settings.pop("budget", None)
    if overrides.get("epochs") is not None:
        settings.pop("small_epochs", None)
    for name, value in overrides.items():
        if isinstance(value, dict):
            before = settings.get(name)
            given = {k: v for k, v in value.items() if v is not None}
            settings[name] = {**before, **given} if isinstance(before, dict) else given
        elif value is not None:
            settings[name] = value
    return parse_config(settings, origin)


def parse_config(settings: dict[str, Any], origin: str) -> RunConfig:
    """Check settings. Raises SparserecError that names `origin`, the key and what is allowed."""
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise SparserecError(f"{origin}: {_explain(error)}") from None


def _recipe_of(model: str | None) -> str:
    """The recipe of a recommender; one without takes that of matrix factorisation."""
    return DEFAULT_RECIPE if model is None else model if model in recipe_names() else "mf"


def _recipe(name: str) -> tuple[dict[str, Any], str]:
    if name not in recipe_names():
        raise SparserecError(f"unknown recipe {name!r}; there are: {', '.join(recipe_names())}")
    text = (resources.files("sparserec") / "recipes" / f"{name}.toml").read_text()
    return {**tomllib.loads(text), "recipe": name}, f"recipe {name}"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SparserecError(f"{file}: no such configuration file") from None
    except OSError as error:
        raise SparserecError(f"{file}: cannot be read ({error.strerror or error})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SparserecError(f"{file}: not a TOML file ({error})") from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        section: type[BaseModel] = RunConfig
        for part in path[:-1]:
            section = type(section.model_fields[part].default)
        return f"unknown setting {'.'.join(path)!r}; allowed are: {', '.join(section.model_fields)}"
    return f"setting {'.'.join(path)!r}: {first['msg'].lower()} (it is {first['input']!r})"
