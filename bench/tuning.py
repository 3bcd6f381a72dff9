"""Compare our tuning with transformers' Trainer and PEFT, and our generation with ``generate`` clip by clip.

Both take the same clips, experts' tokens, prompts and small Llama, in turn, on all cores: our loop tunes one fold per
core, as the stage does; the Trainer tunes one model on all cores. The Trainer's model is ours with the usual forward
pass: a batch padded to its longest answer, logits at every position. Both learn text and heads, without synthetic
examples. ``generate`` obeys the same grammar.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any
from unittest import mock

import joblib
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LogitsProcessor, Trainer, TrainerCallback, TrainingArguments

from deft import models
from deft.core import features, params, paths, tables
from deft.language import grammar, triple
from deft.llm import load as llm
from deft.llm.pretrain import pad_rows
from deft.models import Views
from deft.models.deft.adapters import adapted
from deft.models.deft.answering import decoding
from deft.models.deft.model import Deft
from deft.models.deft.training import examples, fold, loop, losses
from pipeline import stage

Load = Callable[[], tuple[Any, Any]]  # a language model and its tokenizer

ROUNDS, EPOCHS = 3, 3  # the first epoch of each round is not timed
ONE_BY_ONE = 12  # clips generated one by one


class PaddedModel(nn.Module):
    """Our model with the Trainer's usual forward pass: padded batches, logits at every position, one loss."""

    def __init__(self, model: Deft, components: dict[str, Tensor], targets: losses.Targets, loss: params.Loss) -> None:
        super().__init__()
        self.model, self.components, self.targets, self.loss = model, components, targets, loss

    def forward(self, clips: Tensor, answers: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Return the loss of a batch of clips (B,) with their answers (B, longest)."""
        prefix = self.model.project({name: view[clips] for name, view in self.components.items()})
        prompt = self.model.embed_prompt(prefix)  # (B, prompt, width)
        embedded = torch.cat([prompt, self.model.llm.get_input_embeddings()(answers)], 1)
        mask = torch.cat([real.new_ones(prompt.shape[:2]), real], 1)
        out = self.model.llm(inputs_embeds=embedded, attention_mask=mask.long(), output_hidden_states=True)
        labels = torch.full(mask.shape, -100, device=mask.device)
        labels[:, prompt.shape[1] :] = answers.masked_fill(~real, -100)
        text = functional.cross_entropy(out.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        _, units = self.model.heads(out.hidden_states[-1][:, prompt.shape[1] - 1], None)
        indices = clips.numpy(force=True)
        emotion, unit = losses.head_losses(self.model, units, self.targets, indices, indices, self.loss)
        return {"loss": text + emotion + unit}


class Clock(TrainerCallback):  # type: ignore[misc]
    """Records the time at the end of each epoch, in s."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Record the time."""
        self.ends.append(time.perf_counter())


def figures() -> dict[str, Any]:
    """Return tokens per second of tuning and clips per second of generation, ours and theirs, and the ratios."""
    parameters, cores = params.load(), os.cpu_count() or 1
    rows = [row for row in tables.rows(paths.TRIPLES) if not row["dropped"]]
    clips = [examples.from_triple(row) for row in rows]
    vectors = features.read(stage.features(parameters, parameters.experts), [row["clip"] for row in rows])
    load = partial(llm.load, parameters.llm.base)
    _, tokenizer = load()
    tokens = tokens_per_epoch(tokenizer, clips, vectors)
    seconds: dict[str, list[float]] = {"ours": [], "trainer": []}
    folds = joblib.Parallel(cores, backend="loky")
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        for _ in range(ROUNDS):
            seconds_per_fold = folds(cores * [joblib.delayed(our_epochs)(load, parameters, clips, vectors)])
            seconds["ours"] += [epoch / cores for fold in seconds_per_fold for epoch in fold]
            seconds["trainer"] += trainer_epochs(load, parameters, clips, vectors)
    speed = {name: round(tokens / statistics.median(epochs)) for name, epochs in seconds.items()}
    ratio = round(speed["ours"] / speed["trainer"], 2)
    return {"cores": cores, "tokens_per_s": speed, "tuning_ratio": ratio, **generation(vectors)}


def tokens_per_epoch(tokenizer: Any, clips: Sequence[examples.Example], vectors: Views) -> int:
    """Return the tokens in an epoch: prompts and answers, without padding."""
    prompt = len(llm.tokenize_prompt(tokenizer, triple.TASK)) + sum(view.shape[1] for view in vectors.values())
    return sum(prompt + len(ids) for ids in llm.tokenize_answers(tokenizer, [clip.answer for clip in clips]))


def our_epochs(load: Load, parameters: params.Params, clips: Sequence[examples.Example], vectors: Views) -> list[float]:
    """Return the seconds of each epoch of our loop but the first, on one core or on the GPU."""
    torch.set_num_threads(1)
    base, tokenizer = load()
    ends: list[float] = []
    finetune = parameters.finetune.model_copy(update={"alignment_steps": 0})
    config = examples.configure(clips, vectors, parameters)
    recipe = loop.Recipe(parameters.lora, parameters.loss, finetune, EPOCHS)

    def watch(_: Deft) -> None:
        ends.append(time.perf_counter())

    with fold.tuned(base, tokenizer, config, clips, vectors, [], recipe, watch=watch):
        return list(np.diff(ends))


def trainer_epochs(
    load: Load, parameters: params.Params, clips: Sequence[examples.Example], vectors: Views
) -> list[float]:
    """Return the seconds of each epoch of the Trainer but the first."""
    base, tokenizer = load()
    config = examples.configure(clips, vectors, parameters)
    reductions = fold.reduce(vectors, config, parameters.finetune.components)
    loss = parameters.loss.model_copy(update={"gamma_negative": 1.0, "margin": 0.0})
    with adapted(base, parameters.lora, gradient_checkpointing=parameters.finetune.gradient_checkpointing) as language:
        model = Deft(language, tokenizer, config, reductions)
        padded = PaddedModel(model, model.reduce(vectors), losses.targets(clips, config, model.device), loss)
        answers = llm.tokenize_answers(tokenizer, [clip.answer for clip in clips])
        rows = [{"clip": index, "answer": ids} for index, ids in enumerate(answers)]
        clock, cuda = Clock(), torch.cuda.is_available()
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                num_train_epochs=EPOCHS,
                per_device_train_batch_size=parameters.finetune.batch,
                learning_rate=parameters.finetune.learning_rate,
                use_cpu=not cuda,
                bf16=cuda,
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                disable_tqdm=True,
                remove_unused_columns=False,
            )
            collate = partial(_collate, pad=tokenizer.pad_token_id)
            Trainer(padded, arguments, train_dataset=rows, data_collator=collate, callbacks=[clock]).train()
        return list(np.diff(clock.ends))


def _collate(rows: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    """Return a batch: its clips (B,), their answers (B, longest), and where an answer has a token (B, longest)."""
    answers, real = pad_rows([row["answer"] for row in rows], pad)
    return {"clips": torch.tensor([row["clip"] for row in rows]), "answers": answers, "real": real}


class GrammarProcessor(LogitsProcessor):  # type: ignore[misc]
    """The grammar as a logits processor of ``generate``."""

    def __init__(self, constraint: grammar.Constraint) -> None:
        self.constraint = constraint

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores (1, vocabulary) of next tokens, those that are not allowed at minus infinity."""
        if input_ids.shape[1]:
            self.constraint.append([0], input_ids[:, -1].tolist())
        return self.constraint.mask([0], scores)


@torch.inference_mode()
def generated(model: Deft, vectors: Views) -> list[str]:
    """Return the answers of clips by ``generate``; the model also writes the class."""
    prompt = decoding.encode(model, vectors)
    classes = f"({'|'.join(model.config.emotions)})"
    argument = grammar.rationale

    def rationale(evidence_text: str, units: Collection[int]) -> str:
        codes = r"[RL]?[0-9]{1,2}(\+[RL]?[0-9]{1,2}){0,5}"
        ending = rf"; ({codes}|this) speaks for {classes}\.\nCategory: {classes}; ({codes}|none)"
        return f"{argument(evidence_text, units).replace('ARGUMENT', 'ARGUMENT ENDING', 1)}\nENDING: /{ending}/"

    units = decoding.likely_units(model, prompt, vectors)
    with mock.patch.object(grammar, "rationale", rationale):
        answers = model.llm.generate(
            inputs_embeds=prompt.embedded,
            attention_mask=torch.ones(prompt.embedded.shape[:2], dtype=torch.long),
            max_new_tokens=decoding.MAX_TOKENS,
            do_sample=False,
            logits_processor=[GrammarProcessor(grammar.Constraint(model.tokenizer, units, model.config.max_regions))],
            pad_token_id=model.tokenizer.pad_token_id,
            eos_token_id=model.tokenizer.eos_token_id,
        )
    return [str(text) for text in model.tokenizer.batch_decode(answers, skip_special_tokens=True)]


def generation(vectors: Views) -> dict[str, Any]:
    """Return clips per second: of our batches, and of ``generate`` under the same grammar, one by one."""
    count = len(next(iter(vectors.values())))

    def clips_between(begin: int, end: int) -> Views:
        return {expert: view[begin:end] for expert, view in vectors.items()}

    seconds: dict[str, list[float]] = {"ours": [], "generate": []}
    with models.family("deft").load(paths.final("deft")) as model:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            decoding.answer(model, clips_between(0, count))
            seconds["ours"].append((time.perf_counter() - started) / count)
            started = time.perf_counter()
            texts = [generated(model, clips_between(index, index + 1))[0] for index in range(ONE_BY_ONE)]
            seconds["generate"].append((time.perf_counter() - started) / ONE_BY_ONE)
    if not all(map(triple.parse, texts)):
        raise ValueError("generate: expected every answer to be a triple, got one that does not parse")
    speed = {name: round(1 / statistics.median(rounds), 1) for name, rounds in seconds.items()}
    return {"clips_per_s": speed, "generation_ratio": round(speed["ours"] / speed["generate"], 1)}
