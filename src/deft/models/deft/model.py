"""DEFT: expert tokens before the prompt of a LoRA-tuned language model, with an emotion head and a unit head.

The sequence is ``begin · tokens of each expert · task · answer · end``. Text is predicted on the answer alone; the unit
head reads the last position of the task (Zhang et al., arXiv 2511.10948, in its figure; all else here is our choice).
Where the expert "field" is among the experts, the unit head starts from the scores that are read off it
(`deft.models.unit_reader`), and learns what to add.
The emotion head reads the units' probabilities and nothing else, so that a class always follows from Action Units (a
concept bottleneck: Koh et al. 2020, arXiv 2007.04612).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase
from transformers.modeling_outputs import CausalLMOutputWithPast

from deft.llm.load import tokenize_prompt
from deft.models import Views
from deft.models.reduction import Reduction
from deft.models.unit_reader import UnitReader

FIELD = "field"  # the expert whose tokens the unit reader reads
_EMOTION_RATE = 30.0  # times the learning rate: the emotion head's inputs are probabilities, most of them near zero


class Config(NamedTuple):
    """What a tuned model is, besides its weights."""

    experts: tuple[str, ...]
    emotions: tuple[str, ...]
    units: tuple[int, ...]
    token_counts: tuple[int, ...]  # prefix tokens of each expert
    max_regions: int  # named in one answer
    text_weight: float  # of the text's log-likelihood beside the emotion head's when the class is chosen
    four_bit: bool  # whether the language model is held in 4 bits
    seeds: int  # of the models that decide together
    task: str  # the question, which stands after the experts' tokens
    datasets: tuple[str, ...] = ()  # of the training clips; none if they are unknown


class Outputs(NamedTuple):
    """Logits: ``text`` (B, answer, vocabulary) of the answer, ``emotion`` (B, classes), ``units`` (B, units)."""

    text: Tensor
    emotion: Tensor
    units: Tensor


class EncodedPrompt(NamedTuple):
    """A prompt after the language model: ``embedded`` (B, prompt, width), the heads' logits ``emotion`` (B, classes)
    and ``units`` (B, units), and the language model's output ``out`` with keys and values.
    """

    embedded: Tensor
    emotion: Tensor
    units: Tensor
    out: CausalLMOutputWithPast


class ExpertProjector(nn.Module):
    """Projects one expert's tokens (B, tokens, dim) to prefix tokens (B, tokens, width) of the language model.

    ``mean`` (dim,) and ``matrix`` (dim, components) are a fixed `Reduction`; ``layers`` and ``position``
    (tokens, width) are trained. Prefix tokens are scaled to ``rms``, the root mean square of
    the word embeddings.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, reduction: Reduction, tokens: int, width: int, rms: float) -> None:
        super().__init__()
        self.rms = rms
        self.register_buffer("mean", torch.from_numpy(reduction.mean))
        self.register_buffer("matrix", torch.from_numpy(reduction.matrix))
        components = reduction.matrix.shape[1]
        self.layers = nn.Sequential(nn.Linear(components, width), nn.GELU(), nn.Linear(width, width))
        self.position = nn.Parameter(torch.empty(tokens, width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)

    def reduce(self, tokens: Tensor) -> Tensor:
        """Reduce tokens (B, tokens, dim) to components (B, tokens, components)."""
        return (tokens - self.mean) @ self.matrix

    def forward(self, components: Tensor) -> Tensor:
        """Project components (B, tokens, components) to (B, tokens, width); NaN, an unseen clip, becomes zeros."""
        unseen = components.isnan().any(-1, keepdim=True)  # (B, tokens, 1)
        prefix: Tensor = self.rms * self.norm(self.layers(components.nan_to_num()) + self.position)
        return prefix.masked_fill(unseen, 0.0)


class Deft(nn.Module):
    """Projectors, adapters and heads around a frozen language model ``llm`` that carries adapters (`adapters.adapted`).

    ``au_thresholds`` (units,) are the logits at which a unit is as likely shown as not (`losses.au_thresholds`).
    ``others`` are models of further seeds, with adapters of their own on the same language model, whose heads decide
    together with this one's.
    """

    au_thresholds: Tensor
    task_ids: Tensor
    score_gain: nn.Parameter | None

    def __init__(
        self,
        llm: PeftModel,
        tokenizer: PreTrainedTokenizerBase,
        config: Config,
        reductions: Mapping[str, Reduction],
        adapter: str = "default",
    ) -> None:
        super().__init__()
        self.llm, self.tokenizer, self.config, self.adapter = llm, tokenizer, config, adapter
        self.others: list[Deft] = []
        llm.set_adapter(adapter)
        embedding = llm.get_input_embeddings().weight  # (vocabulary, width)
        self.device, width = embedding.device, embedding.shape[1]
        rms = float(embedding.detach().float().pow(2).mean().sqrt())
        sizes = dict(zip(config.experts, config.token_counts, strict=True))
        with self.device:
            self.projectors = nn.ModuleDict(
                {name: ExpertProjector(reductions[name], count, width, rms) for name, count in sizes.items()}
            )
            for name in config.experts:
                nn.init.normal_(self._projector(name).position)
            self.unit_head = nn.Linear(width, len(config.units))
            self.emotion_head = nn.Linear(len(config.units), len(config.emotions))
        nn.init.zeros_(self.emotion_head.weight)  # an untrained head favours no class
        nn.init.zeros_(self.emotion_head.bias)
        self.unit_reader: UnitReader | None = None
        self.register_parameter("score_gain", None)
        self.register_buffer("au_thresholds", torch.zeros(len(config.units), device=self.device))
        task_ids = tokenize_prompt(tokenizer, config.task).to(self.device)  # (n,), the begin token first
        self.register_buffer("task_ids", task_ids, persistent=False)
        self.projectors.to(self.device)

    def reduce(self, views: Views) -> dict[str, Tensor]:
        """Reduce the experts' tokens (B, tokens, dim) to components (B, tokens, components)."""
        tokens = {name: torch.from_numpy(views[name]).to(self.device) for name in self.config.experts if name in views}
        return {name: self._projector(name).reduce(view) for name, view in tokens.items()}

    def project(self, components: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Project each expert's components (B, tokens, components) to prefix tokens (B, tokens, width)."""
        return {name: self._projector(name)(view) for name, view in components.items()}

    def start_from(self, reader: UnitReader) -> None:
        """Set the unit head in place so that, before anything is learned, its logits are those of a unit reader."""
        self.unit_reader = reader.to(self.device)
        self.score_gain = nn.Parameter(self.unit_reader.gains.repeat(len(self.config.units), 1))  # (units, 2)
        with torch.no_grad():
            self.unit_head.bias.copy_(self.unit_reader.offset)
            self.unit_head.weight.zero_()

    def unit_scores(self, views: Views) -> Tensor | None:
        """Return the scores of the units by the field (B, units, 2), see `UnitReader`; None without the expert."""
        if self.unit_reader is None or FIELD not in views:
            return None
        scores: Tensor = self.unit_reader(torch.from_numpy(views[FIELD]).to(self.device))
        return scores

    def encode_prompt(self, prefix: Mapping[str, Tensor], unit_scores: Tensor | None) -> EncodedPrompt:
        """Encode ``begin · prefix tokens · task`` for prefix tokens (B, tokens, width) per expert.

        An expert that is missing is hidden: its prefix tokens are zeros. ``unit_scores`` are those of `unit_scores`.
        """
        embedded = self.embed_prompt(prefix)
        mask = torch.ones_like(embedded[..., 0], dtype=torch.long)  # (B, prompt)
        out = self.run_llm(embedded, mask, 1)
        return EncodedPrompt(embedded, *self.heads(out.hidden_states[-1][:, -1], unit_scores), out)

    def forward(
        self, prefix: Mapping[str, Tensor], unit_scores: Tensor | None, answer: Tensor, real: Tensor
    ) -> Outputs:
        """Return the logits for answers (B, answer), where ``real`` (B, answer) is False at padding.

        ``prefix`` and ``unit_scores`` are as in `encode_prompt`.
        """
        prompt = self.embed_prompt(prefix)  # (B, prompt, width)
        embedded = torch.cat(
            [prompt, self.llm.get_input_embeddings()(answer[:, :-1])], 1
        )  # (B, prompt + answer − 1, width)
        attended = torch.cat([real.new_ones(prompt.shape[:2]), real[:, :-1]], 1).long()
        out = self.run_llm(embedded, attended, answer.shape[1])
        last = out.hidden_states[-1][:, prompt.shape[1] - 1]  # (B, width)
        return Outputs(out.logits, *self.heads(last, unit_scores))

    def heads(self, state: Tensor, unit_scores: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return emotion (B, classes) and unit logits (B, units) from the prompt's last hidden state (B, width)."""
        units = self.unit_head(state.float())
        if unit_scores is not None and self.score_gain is not None:
            units = units + (self.score_gain * unit_scores).sum(-1)
        return self.emotion_head(units.sigmoid()), units

    def embed_prompt(self, prefix: Mapping[str, Tensor]) -> Tensor:
        """Embed a prompt (B, prompt, width), see `encode_prompt`."""
        count = len(next(iter(prefix.values())))
        task = self.llm.get_input_embeddings()(self.task_ids)[None].expand(count, -1, -1)  # (B, n, width)
        parts = []
        for name, length in zip(self.config.experts, self.config.token_counts, strict=True):
            hidden = task.new_zeros(count, length, task.shape[-1])
            parts.append(prefix.get(name, hidden).to(task.dtype))
        return torch.cat([task[:, :1], *parts, task[:, 1:]], 1)

    def run_llm(self, embedded: Tensor, mask: Tensor, logit_count: int, **more: object) -> CausalLMOutputWithPast:
        """Run the language model on embeddings (B, length, width): all hidden states, and the last logits.

        The model applies its own output head, because some models scale or cap what comes out; half precision on a GPU.
        ``mask`` is (B, keys), 1 at real positions, or additive, (B, 1, length, keys): 0 where a position attends to a
        key, the dtype's minimum elsewhere; keys are those cached and the ``length`` new ones. ``logit_count`` is of how
        many last positions logits are returned.
        """
        if self.llm.active_adapter != self.adapter:
            self.llm.set_adapter(self.adapter)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.llm(
                inputs_embeds=embedded,
                attention_mask=mask,
                output_hidden_states=True,
                logits_to_keep=logit_count,
                **more,
            )

    def parameter_groups(self, learning_rate: float, adapter_learning_rate: float) -> list[dict[str, Any]]:
        """Return the optimiser's groups: projectors and unit head, adapters, emotion head, each with its rate."""
        projectors = [self._projector(name) for name in self.config.experts]
        layers = [parameter for projector in projectors for parameter in projector.layers.parameters()]
        # Sorted by name: the order of parameters decides the last bit of the gradient's norm.
        positions = [self._projector(name).position for name in sorted(self.config.experts)]
        adapters = [parameter for parameter in self.llm.parameters() if parameter.requires_grad]
        gain = [] if self.score_gain is None else [self.score_gain]
        groups: list[dict[str, Any]] = [
            {"params": [*layers, *positions, *self.unit_head.parameters(), *gain], "lr": learning_rate},
            {"params": adapters, "lr": adapter_learning_rate},
            {"params": list(self.emotion_head.parameters()), "lr": _EMOTION_RATE * learning_rate},
        ]
        grouped = [id(parameter) for group in groups for parameter in group["params"]]
        trainable = [id(parameter) for parameter in self.parameters() if parameter.requires_grad]
        assert sorted(grouped) == sorted(trainable), "every trainable parameter belongs to exactly one group"
        return groups

    def own_state(self) -> dict[str, Tensor]:
        """Return the state of projectors, heads and thresholds: all but the language model and its adapters."""
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("llm.")}

    def _projector(self, expert: str) -> ExpertProjector:
        projector = self.projectors[expert]
        assert isinstance(projector, ExpertProjector)
        return projector
