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

from deft.models.views import Reduction


class Shape(NamedTuple):
    """What a tuned model is, besides its weights."""

    experts: tuple[str, ...]
    emotions: tuple[str, ...]
    units: tuple[int, ...]
    tokens: tuple[int, ...]  # prefix tokens of each expert


class Outputs(NamedTuple):
    """Logits: ``text`` (B, answer, vocabulary) of the answer, ``emotion`` (B, classes), ``units`` (B, units)."""

    text: Tensor
    emotion: Tensor
    units: Tensor


class Prompt(NamedTuple):
    """A prompt as read: ``embedded`` (B, prompt, width), and the heads' logits (B, classes), (B, units)."""

    embedded: Tensor
    emotion: Tensor
    units: Tensor


class Deft(nn.Module):
    """Projectors, adapters and heads around a frozen language model ``llm`` (with adapters, see `adapted`)."""

    def __init__(self, llm: Any, shape: Shape, reductions: Mapping[str, Reduction]) -> None:
        super().__init__()
        self.llm, self.shape = llm, shape
        width = llm.get_input_embeddings().weight.shape[1]
        self.rms = float(llm.get_input_embeddings().weight.detach().float().pow(2).mean().sqrt())
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
        for name in shape.experts:
            self.register_buffer(f"{name}_mean", torch.from_numpy(reductions[name].mean))
            self.register_buffer(f"{name}_matrix", torch.from_numpy(reductions[name].matrix))

    def reduce(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Experts' tokens (B, tokens, dim) → their components (B, tokens, components)."""
        return {
            name: (views[name] - self.get_buffer(f"{name}_mean")) @ self.get_buffer(f"{name}_matrix")
            for name in self.shape.experts
        }

    def projected(self, expert: str, reduced: Tensor) -> Tensor:
        """An expert's prefix tokens (B, tokens, width), each as long as a word's embedding; zeros where it saw nothing,
        which is NaN.
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
        asked = self._asked(tokens, task)
        return Prompt(asked, *self.heads(self.hidden(asked, torch.ones_like(asked[..., 0], dtype=torch.long))[:, -1]))

    def forward(self, tokens: Mapping[str, Tensor], task: Tensor, answer: Tensor, mask: Tensor) -> Outputs:
        """Logits for answers (B, answer) of which ``mask`` tells the real tokens; the rest as in `prompt`."""
        asked = self._asked(tokens, task)
        embedded = torch.cat([asked, self.llm.get_input_embeddings()(answer[:, :-1])], 1)
        seen = torch.cat([mask.new_ones(asked.shape[:2]), mask[:, :-1]], 1).long()
        hidden = self.hidden(embedded, seen)[:, asked.shape[1] - 1 :]
        return Outputs(self.llm.get_output_embeddings()(hidden), *self.heads(hidden[:, 0]))

    def heads(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Emotion and unit logits from the last prompt position's hidden state (B, width)."""
        units = self.units(last.float())
        return self.emotion(units.sigmoid()), units

    def _asked(self, tokens: Mapping[str, Tensor], task: Tensor) -> Tensor:
        count = len(next(iter(tokens.values())))
        embedded = self.llm.get_input_embeddings()(task)[None].expand(count, -1, -1)
        none = [embedded.new_zeros(count, length, embedded.shape[-1]) for length in self.shape.tokens]
        given = [tokens.get(name, zeros) for name, zeros in zip(self.shape.experts, none, strict=True)]
        return torch.cat([embedded[:, :1], *(view.to(embedded.dtype) for view in given), embedded[:, 1:]], 1)

    def hidden(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Last hidden states (B, length, width) of embeddings; logits are left to those who need them."""
        out = self.llm(inputs_embeds=embedded, attention_mask=mask, output_hidden_states=True, logits_to_keep=1)
        hidden: Tensor = out.hidden_states[-1]
        return hidden

    def own(self) -> dict[str, Tensor]:
        """Everything but the language model and its adapters, for saving beside them."""
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("llm.")}


def adapted(base: Any, *, rank: int, alpha: int, dropout: float, targets: str | Sequence[str]) -> Any:
    """The base model with fresh LoRA adapters (Hu et al. 2022) on ``targets``; all else is frozen."""
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    with quietly():
        return get_peft_model(base, config)


@contextmanager
def quietly() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5 under a name that it is about to change: nothing for a user to mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        yield
