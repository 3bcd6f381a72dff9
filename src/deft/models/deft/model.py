"""DEFT: expert tokens before the prompt of a LoRA-tuned language model, with an emotion head and a unit head.

The sequence is ``begin · tokens of each expert · task · answer · end``. Text is predicted on the answer alone;
the unit head reads the last position of the task (Zhang et al., arXiv 2511.10948, figure; the rest is our choice). The
emotion head reads the units' probabilities and nothing else, so that a class is always a matter of Action Units (a
concept bottleneck: Koh et al. 2020, arXiv 2007.04612); 100 clips teach no more than that anyway.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, TaskType, get_peft_model
from torch import Tensor, nn

from deft.models.reduction import Reduction, Views


class Shape(NamedTuple):
    """What a tuned model is, besides its weights."""

    experts: tuple[str, ...]
    emotions: tuple[str, ...]
    units: tuple[int, ...]
    tokens: tuple[int, ...]  # prefix tokens of each expert
    regions: int  # that an answer names at most


class Outputs(NamedTuple):
    """Logits: ``text`` (B, answer, vocabulary) of the answer, ``emotion`` (B, classes), ``units`` (B, units)."""

    text: Tensor
    emotion: Tensor
    units: Tensor


class Prompt(NamedTuple):
    """A prompt as read: ``embedded`` (B, prompt, width), the heads' logits (B, classes), (B, units), and the language
    model's own output, with keys and values.
    """

    embedded: Tensor
    emotion: Tensor
    units: Tensor
    out: Any


class Deft(nn.Module):
    """Projectors, adapters and heads around a frozen language model ``llm`` (with adapters, see `adapted`).

    ``even`` (units,) are the logits of units that are as likely shown as not (`deft.models.deft.losses.even`).
    """

    def __init__(self, llm: Any, shape: Shape, reductions: Mapping[str, Reduction]) -> None:
        super().__init__()
        self.llm, self.shape = llm, shape
        embedding = llm.get_input_embeddings().weight
        self.device, width = embedding.device, embedding.shape[1]
        self.rms = float(embedding.detach().float().pow(2).mean().sqrt())
        with self.device:
            self.project = nn.ModuleDict(
                {
                    name: nn.Sequential(
                        nn.Linear(reductions[name].matrix.shape[1], width), nn.GELU(), nn.Linear(width, width)
                    )
                    for name in shape.experts
                }
            )
            self.place = nn.ParameterDict(
                {name: torch.randn(count, width) for name, count in zip(shape.experts, shape.tokens, strict=True)}
            )
            self.norm = nn.LayerNorm(width, elementwise_affine=False)
            self.units = nn.Linear(width, len(shape.units))
            self.emotion = nn.Linear(len(shape.units), len(shape.emotions))
            nn.init.zeros_(self.emotion.weight)  # as long as it has learned nothing it favours no class
            nn.init.zeros_(self.emotion.bias)
            self.register_buffer("even", torch.zeros(len(shape.units)))
        for name in shape.experts:
            for part, values in reductions[name]._asdict().items():
                self.register_buffer(f"{name}_{part}", torch.from_numpy(values).to(self.device))

    def reduce(self, views: Views) -> dict[str, Tensor]:
        """Experts' tokens (B, tokens, dim) → their components (B, tokens, components)."""
        return {
            name: (torch.from_numpy(views[name]).to(self.device) - self.get_buffer(f"{name}_mean"))
            @ self.get_buffer(f"{name}_matrix")
            for name in self.shape.experts
            if name in views
        }

    def projected(self, expert: str, reduced: Tensor) -> Tensor:
        """An expert's prefix tokens (B, tokens, width), each as long as a word's embedding; zeros where it saw nothing,
        which is NaN. ``place`` tells whose token it is and which.
        """
        tokens: Tensor = self.rms * self.norm(self.project[expert](reduced.nan_to_num()) + self.place[expert])
        return tokens.masked_fill(reduced.isnan().any(-1, keepdim=True), 0.0)

    def tokens(self, reduced: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every expert's prefix tokens."""
        return {name: self.projected(name, view) for name, view in reduced.items()}

    def prompt(self, tokens: Mapping[str, Tensor], task: Tensor) -> Prompt:
        """Read ``begin · expert tokens · task``; ``task`` (begin and text) is (n,).

        ``tokens`` of an expert are (B, tokens, width); an expert without any is hidden: its tokens are zeros.
        """
        asked = self.asked(tokens, task)
        out = self.read(asked, torch.ones_like(asked[..., 0], dtype=torch.long), 1)
        return Prompt(asked, *self.heads(out.hidden_states[-1][:, -1]), out)

    def forward(self, tokens: Mapping[str, Tensor], task: Tensor, answer: Tensor, mask: Tensor) -> Outputs:
        """Logits for answers (B, answer) of which ``mask`` tells the real tokens; the rest as in `prompt`."""
        asked = self.asked(tokens, task)
        embedded = torch.cat([asked, self.llm.get_input_embeddings()(answer[:, :-1])], 1)
        seen = torch.cat([mask.new_ones(asked.shape[:2]), mask[:, :-1]], 1).long()
        out = self.read(embedded, seen, answer.shape[1])
        return Outputs(out.logits, *self.heads(out.hidden_states[-1][:, asked.shape[1] - 1]))

    def heads(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Emotion and unit logits from the last prompt position's hidden state (B, width)."""
        units = self.units(last.float())
        return self.emotion(units.sigmoid()), units

    def asked(self, tokens: Mapping[str, Tensor], task: Tensor) -> Tensor:
        """A prompt's embeddings (B, prompt, width), see `prompt`."""
        count = len(next(iter(tokens.values())))
        embedded = self.llm.get_input_embeddings()(task)[None].expand(count, -1, -1)
        none = [embedded.new_zeros(count, length, embedded.shape[-1]) for length in self.shape.tokens]
        given = [tokens.get(name, zeros) for name, zeros in zip(self.shape.experts, none, strict=True)]
        return torch.cat([embedded[:, :1], *(view.to(embedded.dtype) for view in given), embedded[:, 1:]], 1)

    def read(self, embedded: Tensor, mask: Tensor, last: int, **more: Any) -> Any:
        """The language model's own output for embeddings (B, length, width): hidden states, and the ``last`` logits.

        The model itself puts its head on them, because some scale or cap what comes out; half precision on a GPU.
        ``mask`` (B, length) tells what is real, or (B, 1, length, length) what is added where one place sees another.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.llm(
                inputs_embeds=embedded, attention_mask=mask, output_hidden_states=True, logits_to_keep=last, **more
            )

    def own(self) -> dict[str, Tensor]:
        """Everything but the language model and its adapters, for saving beside them."""
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("llm.")}


def adapted(
    base: Any, *, rank: int, alpha: int, dropout: float, targets: str | Sequence[str], checkpointing: bool = False
) -> Any:
    """The base model with fresh LoRA adapters (Hu et al. 2022) on ``targets``; all else is frozen.

    With ``checkpointing`` activations are computed again on the way back instead of kept (Chen et al. 2016).
    """
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    with quietly():
        if checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False})
        return get_peft_model(base, config)


@contextmanager
def quietly() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5 under a name that it is about to change: nothing for a user to mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        yield
