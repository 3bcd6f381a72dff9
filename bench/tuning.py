"""Tuning beside transformers' Trainer with PEFT, and structured generation beside ``generate`` clip by clip.

Same clips, experts' tokens, prompts and small Llama, in turn, all cores: ours a fold each, as the stage tunes them, the
Trainer's as torch spreads them. The Trainer's model is ours, read the usual way: a batch padded to its longest answer,
logits at every place. Both learn text and heads; neither is given lessons. ``generate`` obeys the same grammar.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LogitsProcessor, Trainer, TrainerCallback, TrainingArguments

from deft.core import features, params, tables
from deft.language import grammar, triple
from deft.llm import load as llm
from deft.llm.pretrain import padded
from deft.models import reduction
from deft.models.deft import answer, examples, losses, store, train
from deft.models.deft.model import Deft, adapted
from pipeline import stage

Load = Callable[[], tuple[Any, Any]]  # a language model and its tokenizer

ROUNDS, EPOCHS = 3, 3  # of each epoch but the first the time counts
ALONE = 12  # clips generated one by one


class Usual(nn.Module):
    """Our model as a Trainer's: everything padded, logits everywhere, one loss."""

    def __init__(self, model: Deft, reduced: dict[str, Tensor], asked: Tensor, truth: losses.Truth) -> None:
        super().__init__()
        self.model, self.reduced, self.asked, self.truth = model, reduced, asked, truth

    def forward(self, clips: Tensor, answers: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The loss of a batch of clips (B,) with their answers (B, longest)."""
        prompt = self.model.asked(self.model.tokens({name: z[clips] for name, z in self.reduced.items()}), self.asked)
        embedded = torch.cat([prompt, self.model.llm.get_input_embeddings()(answers)], 1)
        mask = torch.cat([real.new_ones(prompt.shape[:2]), real], 1)
        out = self.model.llm(inputs_embeds=embedded, attention_mask=mask.long(), output_hidden_states=True)
        labels = torch.full(mask.shape, -100, device=mask.device)
        labels[:, prompt.shape[1] :] = answers.masked_fill(~real, -100)
        text = functional.cross_entropy(out.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        _, units = self.model.heads(out.hidden_states[-1][:, prompt.shape[1] - 1])
        told, shown = losses.heads(self.model, units, self.truth, clips, clips, 1.0, 0.0)
        return {"loss": text + told + shown}


class Clock(TrainerCallback):  # type: ignore[misc]
    """When each epoch ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def figures() -> dict[str, Any]:
    """Tokens a second of tuning and clips a second of generation, ours and theirs, and the ratios."""
    dials, cores = params.load(), os.cpu_count() or 1
    rows = [row for row in tables.rows(stage.DATA / "triples.parquet") if not row["dropped"]]
    clips, vectors = (
        [examples.of(row) for row in rows],
        features.read(stage.features(dials), [row["clip"] for row in rows]),
    )
    load = partial(llm.load, dials.llm.base)
    tokens = read(load()[1], clips, vectors)
    seconds: dict[str, list[float]] = {"ours": [], "trainer": []}
    folds = joblib.Parallel(cores, backend="loky")
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        for _ in range(ROUNDS):
            seconds["ours"] += [
                each / cores
                for fold in folds(cores * [joblib.delayed(ours)(load, dials, clips, vectors)])
                for each in fold
            ]
            seconds["trainer"] += trainers(load, dials, clips, vectors)
    speed = {name: round(tokens / statistics.median(each)) for name, each in seconds.items()}
    ratio = round(speed["ours"] / speed["trainer"], 2)
    return {"cores": cores, "tokens_per_s": speed, "tuning_ratio": ratio, **generation(vectors)}


def read(tokenizer: Any, clips: Sequence[examples.Example], vectors: reduction.Views) -> int:
    """Tokens that an epoch reads: prompts and answers, no padding."""
    prompt = len(llm.ask(tokenizer, triple.TASK)) + sum(view.shape[1] for view in vectors.values())
    return sum(prompt + len(ids) for ids in llm.tell(tokenizer, [clip.target for clip in clips]))


def ours(load: Load, dials: params.Params, clips: Sequence[examples.Example], vectors: reduction.Views) -> list[float]:
    """Seconds of our epochs but the first, on one core or on the GPU."""
    torch.set_num_threads(1)
    base, tokenizer = load()
    ends: list[float] = []
    train.tune(
        base,
        tokenizer,
        triple.TASK,
        clips,
        vectors,
        lessons=[],
        shape=examples.shape(clips, vectors, dials.triples.regions),
        lora=dials.lora.model_dump(),
        weights=dials.loss.model_dump(),
        watch=lambda _: ends.append(time.perf_counter()),
        **dials.finetune.model_dump(exclude={"validation_share", "max_steps", "text_weight"})
        | {"epochs": EPOCHS, "alignment_steps": 0},
    )
    return list(np.diff(ends))


def trainers(
    load: Load, dials: params.Params, clips: Sequence[examples.Example], vectors: reduction.Views
) -> list[float]:
    """Seconds of the Trainer's epochs but the first."""
    base, tokenizer = load()
    own = examples.shape(clips, vectors, dials.triples.regions)
    adapters = dials.lora.model_dump(exclude={"learning_rate"})
    checkpointing = dials.finetune.gradient_checkpointing
    reductions = reduction.fit_all(vectors, own.experts, dials.finetune.components)
    model = Deft(adapted(base, **adapters, checkpointing=checkpointing), own, reductions)
    truth = losses.truth(clips, own, model.device)
    usual = Usual(model, model.reduce(vectors), llm.ask(tokenizer, triple.TASK).to(model.device), truth)
    answers = llm.tell(tokenizer, [clip.target for clip in clips])
    told = [{"clip": at, "answer": ids} for at, ids in enumerate(answers)]
    clock, cuda = Clock(), torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=dials.finetune.batch,
            learning_rate=dials.finetune.learning_rate,
            use_cpu=not cuda,
            bf16=cuda,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        collate = partial(_collate, pad=tokenizer.pad_token_id)
        Trainer(usual, arguments, train_dataset=told, data_collator=collate, callbacks=[clock]).train()
    return list(np.diff(clock.ends))


def _collate(rows: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    answers, real = padded([row["answer"] for row in rows], pad)
    return {"clips": torch.tensor([row["clip"] for row in rows]), "answers": answers, "real": real}


class Obeying(LogitsProcessor):  # type: ignore[misc]
    """The grammar as ``generate`` takes it."""

    def __init__(self, obey: grammar.Obey) -> None:
        self.obey = obey

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (1, vocabulary) of what may come next."""
        if input_ids.shape[1]:
            self.obey.say([0], input_ids[:, -1].tolist())
        return self.obey.allowed([0], scores)


@torch.inference_mode()
def generated(model: Deft, tokenizer: Any, asked: Tensor, vectors: reduction.Views) -> list[str]:
    """Whole answers of clips by ``generate``, the class as the model writes it."""
    prompt = model.prompt(model.tokens(model.reduce(vectors)), asked)
    classes = f"({'|'.join(model.shape.emotions)})"
    argument = grammar.rationale

    def rationale(told: str, units: Collection[int]) -> str:
        codes = r"[RL]?[0-9]{1,2}(\+[RL]?[0-9]{1,2}){0,5}"
        ending = rf"; ({codes}|this) speaks for {classes}\.\nCategory: {classes}; ({codes}|none)"
        return f"{argument(told, units).replace('ARGUMENT', 'ARGUMENT ENDING', 1)}\nENDING: /{ending}/"

    with mock.patch.object(grammar, "rationale", rationale):
        said = model.llm.generate(
            inputs_embeds=prompt.embedded,
            attention_mask=torch.ones(prompt.embedded.shape[:2], dtype=torch.long),
            max_new_tokens=answer.LONGEST,
            do_sample=False,
            logits_processor=[Obeying(grammar.Obey(tokenizer, answer.likely(model, prompt), model.shape.regions))],
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    return [str(text) for text in tokenizer.batch_decode(said, skip_special_tokens=True)]


def generation(vectors: reduction.Views) -> dict[str, Any]:
    """Clips a second: ours, many at once, and by ``generate`` under the same grammar, one by one."""
    model, tokenizer = store.load(Path("models/deft/final"))
    asked, count = llm.ask(tokenizer, triple.TASK), len(next(iter(vectors.values())))

    def some(begin: int, end: int) -> reduction.Views:
        return {expert: view[begin:end] for expert, view in vectors.items()}

    seconds: dict[str, list[float]] = {"ours": [], "generate": []}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer.answer(model, tokenizer, triple.TASK, some(0, count))
        seconds["ours"].append((time.perf_counter() - started) / count)
        started = time.perf_counter()
        texts = [generated(model, tokenizer, asked, some(at, at + 1))[0] for at in range(ALONE)]
        seconds["generate"].append((time.perf_counter() - started) / ALONE)
    if not all(map(triple.parse, texts)):
        raise ValueError("generate: found an answer out of form, expected triples")
    speed = {name: round(1 / statistics.median(each), 1) for name, each in seconds.items()}
    return {"clips_per_s": speed, "generation_ratio": round(speed["ours"] / speed["generate"], 1)}
