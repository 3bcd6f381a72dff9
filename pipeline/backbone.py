"""Train the small Llama that ships as the default language model, on text from the FACS tables alone.

Writes models/backbone (tokenizer, weights) and its report, data/reports/backbone.json.
Run: ``python -m pipeline backbone``
"""

import shutil
import tempfile

import torch

from deft.core import paths, tables
from deft.language import textbook, tokenizer
from deft.llm import load as llm
from deft.llm import pretrain
from pipeline import stage

PATH = paths.MODELS / "backbone"


def main() -> None:
    """Write the text, train the tokenizer, train the model."""
    params = stage.load().backbone
    torch.manual_seed(params.seed)
    pages = textbook.pages(pretrain.HELD_OUT + params.steps * params.batch, params.seed)
    phrases = [phrase for page in pages for phrase in (*page.region_phrases, page.text)]
    tokens = tokenizer.train(phrases, params.vocabulary)
    model = llm.create(tokens, params.width, params.layers, params.heads)
    perplexity = pretrain.train(
        model,
        tokens,
        pages,
        steps=params.steps,
        batch=params.batch,
        learning_rate=params.learning_rate,
        seed=params.seed,
    )
    report = {
        "perplexity": round(perplexity, 4),
        "parameters": model.num_parameters(),
        "vocabulary": len(tokens),
    }
    paths.MODELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.MODELS) as folder:
        model.save_pretrained(folder)
        tokens.save_pretrained(folder)
        shutil.rmtree(PATH, ignore_errors=True)
        shutil.copytree(folder, PATH)
    tables.write_json(paths.report("backbone"), report)
    print(report)
