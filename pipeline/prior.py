"""The motion prior: train a small network on synthetic flow fields, and calibrate it on those of another seed.

Reads no data. Writes models/prior and its report, data/reports/prior.json.
Run: ``python -m pipeline prior``
"""

import shutil
import tempfile

import torch

from deft.core import paths, tables
from deft.prior import Prior, training
from deft.score import prior as scores
from pipeline import stage

CALIBRATED, TESTED = 1000, 2000  # added to the seed of the fields that calibrate the network, and that test it


def main() -> None:
    """Train, calibrate, test."""
    params = stage.load().prior
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(2)  # the number of threads decides the last bit of a sum
    network = training.train(params.seed, params.fields, device=device)
    prior = Prior(network, training.calibrate(network, params.seed + CALIBRATED))
    report = scores.figures(prior, training.draw(params.seed + TESTED, training.CALIBRATION_FIELDS))
    paths.MODELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.MODELS) as folder:
        prior.save(folder)
        shutil.rmtree(paths.PRIOR, ignore_errors=True)
        shutil.copytree(folder, paths.PRIOR)
    tables.write_json(paths.report("prior"), report)
    print(report)
