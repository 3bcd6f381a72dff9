"""Train the network on synthetic fields, and calibrate what it says on synthetic fields of another seed."""

import math
from collections.abc import Collection, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from deft.prior import layout, placement
from deft.prior.calibration import Calibration
from deft.prior.network import Answer, Network
from deft.prior.synthesis import Batch, Synthesis

EPOCHS = 2  # each field is seen as it is, and then in a mirror
BATCH = 128
LEARNING_RATE = 4e-3
CALIBRATION_FIELDS = 6000
_CHUNK = 1000  # fields drawn at once
_PAIRS = 2 * len(layout.PAIRED_UNITS)
# Mirrored, the outputs of the two sides change places.
_SWAPPED = torch.tensor([*(at ^ 1 for at in range(_PAIRS)), *range(_PAIRS, len(layout.OUTPUTS))])


def train(seed: int, fields: int, *, device: str = "cpu", left_out: Collection[str] = ()) -> Network:
    """Return a network trained on this many synthetic fields; ``left_out`` names nuisances that they lack."""
    torch.manual_seed(seed)
    network = Network().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * (fields // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    drawn = draw(seed, fields, device=device, left_out=left_out, title="prior: fields")
    network.train()
    for batch in tqdm(_batches(drawn, seed), total=steps, desc="prior: network", unit="step", mininterval=1.0):
        loss = _loss(network(batch.fields, batch.scale), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    return network


def draw(seed: int, count: int, *, device: str = "cpu", left_out: Collection[str] = (), title: str = "") -> Batch:
    """Draw synthetic fields; with a title, the progress is shown."""
    synthesis = Synthesis(seed, device, left_out)
    chunks = tqdm(range(math.ceil(count / _CHUNK)), desc=title, unit_scale=_CHUNK, mininterval=1.0, disable=not title)
    drawn = [synthesis.batch(min(_CHUNK, count - _CHUNK * chunk)) for chunk in chunks]
    return Batch(*(torch.cat(part) for part in zip(*drawn, strict=True)))


def _batches(drawn: Batch, seed: int) -> Iterator[Batch]:
    """Yield the batches of all epochs, in every second epoch half of the fields mirrored."""
    rng = np.random.default_rng(seed)
    count = len(drawn.fields)
    first_mirrored = rng.random(count) < 0.5
    for epoch in range(EPOCHS):
        order = rng.permutation(count)
        for at in range(0, count - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            batch = Batch(*(part[chosen] for part in drawn))
            mirror = torch.from_numpy(first_mirrored[chosen] ^ bool(epoch % 2)).to(drawn.fields.device)
            yield _mirrored(batch, mirror)


def _mirrored(batch: Batch, which: Tensor) -> Batch:
    """Return a batch with the fields in ``which`` (n,) as in a mirror."""
    sign = torch.tensor([-1.0, 1.0], device=which.device)[:, None, None]
    fields = torch.where(which[:, None, None, None], batch.fields.flip(3) * sign, batch.fields)
    moved = torch.where(which[:, None], batch.moved[:, _SWAPPED.to(which.device)], batch.moved)
    turned = torch.tensor([-1.0, 1.0, 1.0, 1.0], device=which.device)
    place = torch.where(which[:, None], batch.place * turned, batch.place)
    return batch._replace(fields=fields, moved=moved, place=place)


def by_unit(outputs: Tensor) -> Tensor:
    """Return values per output (n, outputs) as values per unit (n, units): the larger of two sides."""
    sides = outputs[:, :_PAIRS].unflatten(1, (-1, 2)).amax(2)
    return torch.cat([sides, outputs[:, _PAIRS:]], 1)


def _loss(answer: Answer, batch: Batch) -> Tensor:
    """Return the loss of an answer: which outputs and units move, how far, whether and where there is a face."""
    moving = (batch.moved > 0).float()
    binary = functional.binary_cross_entropy_with_logits
    which = 2 * binary(answer.logits, moving) + binary(answer.either, by_unit(moving))
    off = functional.smooth_l1_loss(answer.amplitude, batch.moved.clamp(max=4), reduction="none", beta=0.3)
    far = (off * (moving + 0.05)).mean()
    upright = binary(answer.upright, batch.upright.float())
    spread = torch.tensor(placement.SPREAD, device=off.device)
    place = functional.smooth_l1_loss(answer.place, batch.place / spread, reduction="none")
    return which + 0.3 * far + 0.05 * upright + 0.03 * (place * batch.upright[:, None]).mean()


def calibrate(network: Network, seed: int) -> Calibration:
    """Return the calibration of all outputs, then of all units, on synthetic fields of this seed."""
    drawn = draw(seed, CALIBRATION_FIELDS, title="prior: calibration")
    with torch.no_grad():
        answer = network.cpu()(drawn.fields, drawn.scale)
    moved = torch.cat([drawn.moved, by_unit(drawn.moved)], 1) > 0
    return Calibration.fit(torch.cat([answer.logits, answer.either], 1).double().numpy(), moved.numpy())
