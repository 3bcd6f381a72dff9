"""Tuning of one fold: ``L = λ_t · L_text + λ_e · CE(emotion) + λ_a · ASL(units) + λ_d · decorrelation``, on the fold's
training clips alone.

Beside every step's clips the heads read some faces of the textbook, which says what speaks for what: its words stand
where the motion tokens stand. No clip is in it, so no subject is either.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from deft.facs.regions import REGIONS
from deft.llm import load as llm
from deft.llm.pretrain import cosine, padded
from deft.models import reduction
from deft.models.deft import alignment, losses
from deft.models.deft import model as deft
from deft.models.deft.examples import Example

Some = npt.NDArray[np.int64]  # positions of clips, or of lessons

_CONCEPTS = 30.0  # times the rate: the emotion head's inputs are probabilities, most of them near zero


class Losses(NamedTuple):
    """Mean losses of an epoch on its clips; ``total`` is weighted, and with the lessons'."""

    total: float
    text: float
    emotion: float
    units: float
    decorrelation: float


def tune(
    base: Any,
    tokenizer: Any,
    task: str,
    examples: Sequence[Example],
    vectors: reduction.Views,
    *,
    lessons: Sequence[Example],
    shape: deft.Shape,
    components: int,
    lora: Mapping[str, Any],
    weights: Mapping[str, float],
    epochs: int,
    batch: int,
    gradient_accumulation: int,
    learning_rate: float,
    weight_decay: float,
    component_noise: float,
    alignment_steps: int,
    modality_dropout: Mapping[str, float],
    gradient_checkpointing: bool,
    seed: int,
    until: int | None = None,
    watch: Callable[[deft.Deft], None] | None = None,
) -> tuple[deft.Deft, list[Losses]]:
    """Tune adapters, projectors and heads; ``vectors`` are the examples' own, ``weights`` the λ and the units' loss.

    The learning rate falls over ``epochs``, of which the first ``until`` are run (all, if None); ``watch`` sees the
    model after each.
    A step's ``batch`` is read in as many parts as ``gradient_accumulation`` says, answers of like length together, that add up to one gradient: hardly a
    place is padded, and memory is a part's. Each expert is hidden from its share ``modality_dropout`` of the clips; of a clip whose
    motion is hidden nobody is asked to tell it. ``lessons`` are faces of the textbook (`deft.language.textbook`), for
    the heads alone. Everything random follows ``seed``; nothing but the arguments is read, so the held-out subject
    cannot leak in.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reductions = reduction.fit_all(vectors, shape.experts, components)
    fresh = {name: lora[name] for name in ("rank", "alpha", "dropout", "targets")}
    model = deft.Deft(deft.adapted(base, **fresh, checkpointing=gradient_checkpointing), shape, reductions)
    fold = _Fold(model, tokenizer, task, examples, vectors, weights, modality_dropout, component_noise)
    if fold.regions:
        seen = alignment.words(model, tokenizer, [example.seen for example in examples])
        alignment.align(model, fold.reduced["motion"], seen, learning_rate, alignment_steps)
        fold.teach(tokenizer, lessons)
    optimiser = _optimiser(model, learning_rate, lora["learning_rate"], weight_decay)
    steps = -(-len(examples) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, epochs * steps))
    trained = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    history = []
    for _ in range(until or epochs):
        model.train()
        sums = np.zeros(len(Losses._fields))
        for step in np.array_split(rng.permutation(len(examples)), steps):
            by_length = sorted(step, key=lambda clip: len(fold.answers[clip]))
            found = [fold.read(part, step) for part in np.array_split(by_length, min(gradient_accumulation, len(step)))]
            found.append(fold.review(step, rng.integers(max(1, len(lessons)), size=batch)))
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            sums += len(step) * np.sum(found, 0)
        history.append(Losses(*(sums / len(examples)).tolist()))
        model.eval()
        if watch:
            watch(model)
    return model, history


class _Fold:
    """A fold's clips and lessons as its model reads them; each method adds to the gradient and tells its `Losses`."""

    def __init__(
        self,
        model: deft.Deft,
        tokenizer: Any,
        task: str,
        examples: Sequence[Example],
        vectors: reduction.Views,
        weights: Mapping[str, float],
        hide: Mapping[str, float],
        noise: float,
    ) -> None:
        self.model, self.weights, self.hide, self.pad = model, weights, hide, tokenizer.pad_token_id
        self.noise = noise
        self.asked = llm.ask(tokenizer, task).to(model.device)
        self.answers = llm.tell(tokenizer, [example.target for example in examples])
        self.reduced = model.reduce(vectors)
        self.truth = losses.truth(examples, model.shape, model.device)
        even = losses.even(self.truth, weights["gamma_negative"], weights["margin"])
        model.get_buffer("even").copy_(even if weights["units"] else even - torch.inf)  # an idle head forbids nothing
        shape = model.shape  # with a motion token a region, words can stand where motion stands
        self.regions = dict(zip(shape.experts, shape.tokens, strict=True)).get("motion") == len(REGIONS)
        self.taught: tuple[Tensor, losses.Truth] | None = None

    def teach(self, tokenizer: Any, lessons: Sequence[Example]) -> None:
        """Take lessons for the heads."""
        if lessons:
            words = alignment.words(self.model, tokenizer, [lesson.seen for lesson in lessons])
            self.taught = words, losses.truth(lessons, self.model.shape, self.model.device)

    def read(self, part: Some, step: Some) -> Losses:
        """Clips of a part of a step: text and both heads."""
        tokens, real = padded([self.answers[clip] for clip in part], self.pad, self.model.device)
        seen, told = self._seen(part)
        out = self.model(seen, self.asked, tokens, real)
        wanted = tokens.masked_fill(~(real & told), -100).flatten()
        count = sum(len(self.answers[clip]) for clip in step)
        text = functional.cross_entropy(out.text.float().flatten(0, 1), wanted, reduction="sum") / count
        return self._learn(text, *self._heads(out.units, self.truth, part, step))

    def review(self, step: Some, lesson: Some) -> Losses:
        """How alike the experts are on a step's clips, and ``lesson``, of which only the total is told."""
        none = torch.zeros((), device=self.model.device)
        views = self.model.tokens({name: view[step] for name, view in self.reduced.items()})
        alone = self._learn(none, none, none, losses.decorrelation(views))
        if self.taught is None:
            return alone
        words, truth = self.taught
        units = self.model.prompt({"motion": words[lesson]}, self.asked).units
        total = self._learn(none, *self._heads(units, truth, lesson, lesson)).total
        return alone._replace(total=alone.total + total)

    def _seen(self, part: Some) -> tuple[dict[str, Tensor], Tensor]:
        """Clips' prefix tokens, some experts' hidden, and which clips (B, 1) show their motion, if anybody's is shown.

        A clip of which everything would be hidden is seen whole.
        """
        noisy = {name: z[part] + self.noise * torch.randn_like(z[part]) for name, z in self.reduced.items()}
        shown = torch.stack([torch.rand(len(part), device=self.model.device) >= self.hide[name] for name in noisy])
        shown |= ~shown.any(0)
        tokens = self.model.tokens(noisy)
        seen = {name: view * show[:, None, None] for (name, view), show in zip(tokens.items(), shown, strict=True)}
        return seen, (shown[[*noisy].index("motion")] if "motion" in noisy else shown[0] | True)[:, None]

    def _heads(self, units: Tensor, truth: losses.Truth, part: Some, step: Some) -> tuple[Tensor, Tensor]:
        shape = self.weights["gamma_negative"], self.weights["margin"]
        return losses.heads(self.model, units, truth, part, step, *shape)

    def _learn(self, *found: Tensor) -> Losses:
        """Add the weighted sum of text, emotion, units and decorrelation to the gradient."""
        terms = dict(zip(Losses._fields[1:], found, strict=False))
        counted = [self.weights[name] * term for name, term in terms.items() if self.weights[name]]
        total = torch.stack(counted).sum() if counted else torch.zeros(())
        if total.requires_grad:
            torch.autograd.backward(total)
        told = {name: term.item() for name, term in terms.items()}
        return Losses(total.item(), *(told.get(name, 0.0) for name in Losses._fields[1:]))


def _optimiser(model: deft.Deft, rate: float, adapters: float, decay: float) -> torch.optim.AdamW:
    """Adapters at their own rate, the emotion head at a much higher one."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    own = [p for name, p in named if not name.startswith(("llm.", "emotion."))]
    groups = [
        {"params": own, "lr": rate},
        {"params": [p for name, p in named if name.startswith("llm.")], "lr": adapters},
        {"params": list(model.emotion.parameters()), "lr": _CONCEPTS * rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=decay, fused=True)
