"""DEFT, a model family: expert tokens before the prompt of a LoRA-tuned language model (arXiv 2511.10948).

These are the functions of `deft.models.Family`. Each imports what it needs when it is called, so that answering does
not load, nor depend on, what trains.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deft.core.params import Measurement, Params
from deft.core.tables import Row, person

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from deft.models import Views
    from deft.models.deft.model import Deft


def inputs(params: Params) -> tuple[str, ...]:
    """Return the experts whose tokens DEFT reads: all that are set."""
    return tuple(params.experts)


@contextmanager
def tune(params: Params, clips: Sequence[Row], views: "Views") -> Iterator[tuple["Deft", dict[str, object]]]:
    """Tune adapters, projectors and heads on clips; see `deft.models.Family.tune`.

    The report holds every epoch's ``losses``; with ``finetune.validation_share`` also its ``validation_uf1``, and how
    many ``epochs`` were chosen by it.
    """
    from functools import partial

    from deft.models.deft.training import examples, fold, loop, selection

    learned, finetune = [examples.from_triple(row) for row in clips], params.finetune
    datasets = tuple(sorted({row["dataset"] for row in clips}))
    config = examples.configure(learned, views, params)._replace(datasets=datasets)
    language, tokenizer = _base(params.llm.base, params.llm.four_bit)
    tuned = partial(
        fold.tuned,
        language,
        tokenizer,
        config,
        synthetic=examples.synthetic_examples(config.emotions, finetune.seed),
        recipe=loop.Recipe(params.lora, params.loss, finetune, fold.epochs_within(len(learned), finetune)),
    )
    report: dict[str, object] = {}
    stop_after = None
    if finetune.validation_share:
        people = [person(row) for row in clips]
        scores = selection.validation_scores(tuned, learned, views, people, finetune.validation_share, finetune.seed)
        stop_after = scores.index(max(scores)) + 1
        report = {"validation_uf1": scores, "epochs": stop_after}
    with tuned(learned, views, stop_after=stop_after) as (model, history):
        yield model, report | {"losses": [epoch._asdict() for epoch in history]}


def answer(model: "Deft", views: "Views", batch: int) -> list[Row]:
    """Answer for each clip; see `deft.models.Family.answer`."""
    from deft.models.deft.answering import decoding

    rows = []
    for first in range(0, len(next(iter(views.values()))), batch):
        some = {expert: tokens[first : first + batch] for expert, tokens in views.items()}
        answers, without = decoding.answer(model, some), decoding.classes_without(model, some)
        rows += [decoding.to_row(*pair, model.config) for pair in zip(answers, without, strict=True)]
    return rows


def save(model: "Deft", folder: Path, params: Params) -> None:
    """Write a tuned model to a folder; see `deft.models.Family.save`."""
    from deft.models.deft import store

    store.save(model, folder, params.llm.base, Measurement.of(params))


@contextmanager
def load(folder: Path) -> Iterator["Deft"]:
    """Lend the tuned model of a folder; see `deft.models.Family.load`.

    Raises:
        DataError: the folder or one of its files is missing, or its base model cannot be loaded.

    """
    from deft.models.deft import store

    with store.loaded(folder, _base) as model:
        yield model


@lru_cache(maxsize=1)
def _base(name: str, four_bit: bool) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Load a language model and its tokenizer, once for all folds of a process."""
    from deft.llm.load import load

    return load(name, four_bit)
