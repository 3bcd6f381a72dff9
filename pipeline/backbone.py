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

PATH = stage.MODELS / "backbone"


def main() -> None:
    """Write the text, learn the tokens, train the model."""
    dials = stage.load().backbone
    torch.manual_seed(dials.seed)
    pages = textbook.pages(pretrain.HELD_OUT + dials.steps * dials.batch, dials.seed)
    words = tokenizer.train(
        [phrase for page in pages for phrase in (*page.region_phrases, page.text)], dials.vocabulary
    )
    model = llm.create(words, dials.width, dials.layers, dials.heads)
    perplexity = pretrain.train(
        model, words, pages, steps=dials.steps, batch=dials.batch, learning_rate=dials.learning_rate, seed=dials.seed
    )
    report = {
        "perplexity": round(perplexity, 4),
        "parameters": model.num_parameters(),
        "vocabulary": len(words),
    }
    stage.MODELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=stage.MODELS) as folder:
        model.save_pretrained(folder)
        words.save_pretrained(folder)
        shutil.rmtree(PATH, ignore_errors=True)
        shutil.copytree(folder, PATH)
    tables.write_json(paths.report("backbone"), report)
    print(report)
