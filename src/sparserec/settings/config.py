"""The configuration of a training run: parsed once, checked, and written beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field, SerializeAsAny, field_validator, model_serializer, model_validator

from sparserec.artefact import value_types
from sparserec.axes import EXPLORERS, OBJECTIVES, RECOMMENDERS, STARTS
from sparserec.section import Settings
from sparserec.settings.data import DataConfig
from sparserec.settings.exploration import ExplorationConfig
from sparserec.settings.names import unknown
from sparserec.settings.order import OrderConfig
from sparserec.settings.sections import built_in_sections, gathered
from sparserec.settings.teacher import TeacherConfig

S = TypeVar("S", bound=Settings)


class RunConfig(Settings):
    """Everything that decides the result of a run, apart from the data. `threads` is a run condition and not here.

    Beside what stands here, each kind brings settings of its own (`sparserec.section.Settings`). In a file or on the
    command line those of kinds that come with the package stand among the others, `layers = 2`, or in the section of
    their kind, `[lightgcn]`; those of kinds from outside in their section, or among the others where the run has that
    kind. `config.of(LightGCNSettings).layers` reads them.
    """

    model: str = "mf"
    """The base recommender, a name of `sparserec.axes.RECOMMENDERS`: "mf" and "lightgcn" have a row for each user,
    "fism" sums the item rows of a user's history."""
    method: str = "sparserec"
    """How the mask moves, a name of `sparserec.axes.EXPLORERS`; "dense" has none, "magnitude" and "pep" train a dense
    table first and prune it."""
    init: str = "spectral"
    """Where the active parameters are at the start, a name of `sparserec.axes.STARTS`; fism knows "spectral" and
    "random"."""
    dim: int = Field(default=64, ge=1, le=65_536)
    """Columns of a table; fism takes fewer where the catalogue or the users are fewer."""
    lesson_numbers: int = Field(default=5_000_000_000, ge=1)
    """Numbers (users x items) that an epoch of distillation ranks at most: of more users a sample learns from the
    teacher, and it and the trained teacher cost no more however many there are."""
    density: float = Field(default=0.1, gt=0, le=1)
    """Share of active parameters; ignored when `budget` is given."""
    budget: str | None = None
    """Bytes that the exported file may have: "500kB" or "2MB" bound all of it, ids and header included, as it is
    downloaded; "16B/item" bounds it without its list of ids. It is a ceiling: more than is of use is not taken."""
    ids: Literal["none"] | None = None
    """With "none", the exported file is without raw ids: items and users are known by the numbers of their rows."""
    least_budget: str | None = None
    """Bytes that the budget of a recipe has at least: the fixed parts of a file of few items take more than theirs."""
    loss: str = "softmax"
    """The objective, a name of `sparserec.axes.OBJECTIVES`; those over lists learn from a teacher and need a
    recommender that ranks the catalogue, such as fism."""
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
    values: str = "int8"
    """How values are stored in the exported file, a name of `sparserec.artefact.value_types`; "coded" takes the finest
    rounding that a budget allows."""
    rounding: float = Field(default=0.005, ge=0, le=1)
    """Share of validation NDCG@20 that "coded" values may cost fism. Where they cost more, the last quarter of the
    epochs is trained with values rounded as in the file; with 1 it never is."""
    refit: bool | None = None
    """Train once more with what validation chose, for the exported file: on everything, or on the training and
    validation parts where the test part is held out (`data.holdout`). None does where it is not held out."""
    seed: int = Field(default=0, ge=0)
    """Seed of everything random in training."""
    recipe: str = "mf"
    """Name of the recipe that the settings started from."""
    exploration: ExplorationConfig = ExplorationConfig()
    teacher: TeacherConfig = TeacherConfig()
    order: OrderConfig = OrderConfig()
    data: DataConfig = DataConfig()
    sections: Mapping[str, SerializeAsAny[Settings]] = Field(default_factory=dict, repr=False)
    """Settings of kinds, by the names of their sections."""

    @field_validator("model")
    @classmethod
    def _known_model(cls, name: str) -> str:
        if name not in RECOMMENDERS:
            raise ValueError(f"there is no such recommender; there are {', '.join(RECOMMENDERS)}")
        return name

    @field_validator("values")
    @classmethod
    def _known_codec(cls, name: str) -> str:
        if name not in value_types():
            raise unknown(value_types())
        return name

    @field_validator("method", "init", "loss")
    @classmethod
    def _known_name(cls, name: str, info: Any) -> str:
        names = {"method": EXPLORERS, "init": STARTS, "loss": OBJECTIVES}[info.field_name]
        if name not in names:
            raise unknown(names)
        return name

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, settings: Any) -> Any:
        """Put what belongs to kinds into their sections; what belongs to none stays, and is refused."""
        if not isinstance(settings, dict):
            return settings
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return gathered(settings, defaults)

    @model_serializer(mode="wrap")
    def _flat(self, handler: Any) -> dict[str, Any]:
        """Settings of kinds that come with the package among the others, those of others in their sections."""
        dumped = handler(self)
        for section, part in dumped.pop("sections", {}).items():
            if section in built_in_sections():
                dumped |= part
            elif part:
                dumped[section] = part
        return dumped

    def settled(self, test_file: bool) -> RunConfig:
        """The same with what hangs on the data decided: whether the test part is held out, and whether there is a
        second training.

        Args:
            test_file: whether a test file came with the data.
        """
        held_out = self.data.holds_out(test_file)
        data = self.data.model_copy(update={"holdout": held_out})
        return self.model_copy(update={"data": data, "refit": not held_out if self.refit is None else self.refit})

    def as_recipe(self) -> dict[str, Any]:
        """The settings as a file has them in its model card: what is not set is left out, and so is a test part that
        was held out, as it was in files from before there was a choice."""
        settings = self.model_dump(exclude_none=True)
        if settings["data"].get("holdout"):
            del settings["data"]["holdout"]
        return settings

    def of(self, settings: type[S]) -> S:
        """The settings of this class: those given, else its defaults."""
        part = self.sections.get(settings.section)
        return part if isinstance(part, settings) else settings()
