"""The motion prior: a small network that says which Action Units a flow field shows, on which side and how far.

It has seen synthetic motion alone (`deft.prior.synthesis`): the renderer's bumps on a mean face that lies, looks and is
measured differently every time. So it needs no data, and no clip of any dataset is ever among what it learned from.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deft.core.errors import DataError
from deft.facs.codes import Code
from deft.facs.units import observable
from deft.motion.verification import Reading
from deft.prior import canonical, layout, placement, reconstruction
from deft.prior.calibration import Calibration, log_odds
from deft.prior.network import Network

Floats = npt.NDArray[np.float32]

FILE = "model.safetensors"
_BATCH = 512  # fields per pass
MOVED = 0.5  # probability from which an output counts as moved where no sheet lists it
_LIDS = frozenset({5, 7})  # what a blink hides
_SMALLEST = 1e-12  # a field whose unit is below this is still


class Answers(NamedTuple):
    """What the prior says of n fields.

    moved: the probability that each of `layout.OUTPUTS` moved, (n, outputs). either: that each of `layout.UNITS` moved
    on at least one side, (n, units). Both hold if units move as often as in the synthetic fields. listed,
    listed_either: the same if a unit is as likely to have moved as not, as one that a coder lists. amplitude: how far
    each output moved, in eye distances, (n, outputs); in the field's own unit where that is unknown. upright: the
    probability that the field is that of an upright face, (n,). place: how far the face lies right and down of the
    frame, in cells, and the logarithm of its width and height in the frame's, (n, 4). cells: the embedding of each of
    7 × 7 places, (n, 64, 7, 7); embedding: that of the whole field, (n, 64).
    """

    moved: Floats
    either: Floats
    listed: Floats
    listed_either: Floats
    amplitude: Floats
    upright: Floats
    place: Floats
    cells: Floats
    embedding: Floats

    def scores(self, number: int) -> dict[tuple[int, str | None], float]:
        """Return a field's probabilities for listed units: (unit, side) → [0, 1]; side None is either side."""
        return _by_code(self.listed[number], self.listed_either[number])

    def probabilities(self, number: int) -> dict[tuple[int, str | None], float]:
        """Return a field's probabilities for units that nobody named: (unit, side) → [0, 1]; None is either side."""
        return _by_code(self.moved[number], self.either[number])


def _by_code(outputs: Floats, units: Floats) -> dict[tuple[int, str | None], float]:
    """Return values by unit and side; a unit of the midline has the same on both, a blink those of closed eyes."""
    found: dict[tuple[int, str | None], float] = {}
    for unit, value in zip(layout.UNITS, units.tolist(), strict=True):
        found |= dict.fromkeys([(unit, None), (unit, "R"), (unit, "L")], value)
    found |= {
        (output.unit, output.side): value
        for output, value in zip(layout.OUTPUTS, outputs.tolist(), strict=True)
        if output.side is not None
    }
    found |= {(layout.BLINKING, side): found[layout.BLINK, side] for side in (None, "R", "L")}
    return {code: value for code, value in found.items() if observable(code[0])}


class Prior:
    """A trained network with its calibration."""

    def __init__(self, network: Network, calibration: Calibration) -> None:
        self.network = network.eval()
        self.calibration = calibration

    def read(self, flow: Floats, points: Floats, known: bool) -> Reading:
        """Read a flow field; see `deft.motion.verification.Reader`."""
        field = canonical.field(flow, points)
        answers = self.answer(field[None], known)
        odds = log_odds(answers.either[0].astype(np.float64)).tolist()
        likely = answers.probabilities(0).items()
        moved = frozenset(unit for (unit, side), value in likely if side is None and value >= MOVED)
        share = reconstruction.noise_share(field, answers.moved[0] >= MOVED)
        return Reading(
            scores=answers.scores(0),
            moved=moved,
            hidden=_LIDS if layout.BLINK in moved else frozenset(),
            noise_share=share,
            log_odds=dict(zip(layout.UNITS, odds, strict=True)),
            embedding=answers.embedding[0],
            regions=canonical.by_region(answers.cells[0]),
        )

    def explained(self, flow: Floats, points: Floats, moved: Sequence[Code]) -> frozenset[str]:
        """Return the regions whose motion these codes would show; see `deft.motion.verification.Reader`."""
        units = [(code.unit, code.side) for code in moved]
        return reconstruction.explained_regions(canonical.field(flow, points), units)

    def answer(self, fields: Floats, known: bool = True) -> Answers:
        """Answer on fields (n, 2, 28, 28), x right and y down, on the prior's grid (`deft.prior.canonical`).

        The fields are in eye distances if ``known``, else each in a unit of its own, and its landmarks are unknown,
        too. A field without motion has no unit that moved.

        Raises:
            ValueError: the shape is another, or a value is not finite.

        """
        fields = np.asarray(fields, np.float32)
        expected = (2, layout.GRID, layout.GRID)
        if fields.ndim != 4 or fields.shape[1:] != expected:
            raise ValueError(
                f"fields: expected shape (n, {expected[0]}, {expected[1]}, {expected[2]}), got {fields.shape}"
            )
        if not np.isfinite(fields).all():
            raise ValueError(f"fields: expected finite values, got {np.count_nonzero(~np.isfinite(fields))} others")
        normalised, unit = placement.normalised(torch.from_numpy(fields))
        scale = placement.scale(unit, torch.full_like(unit, known, dtype=torch.bool))
        return self.answer_normalised(normalised, scale, unit)

    def answer_normalised(self, fields: torch.Tensor, scale: torch.Tensor, unit: torch.Tensor | None = None) -> Answers:
        """Answer on fields as `placement.normalised` gives them, with their `placement.scale`, and their units."""
        unit = torch.ones(len(fields)) if unit is None else unit
        parts = [
            self._pass(*part) for part in zip(*(tensor.split(_BATCH) for tensor in (fields, scale, unit)), strict=True)
        ]
        return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    @torch.inference_mode()
    def _pass(self, fields: torch.Tensor, scale: torch.Tensor, unit: torch.Tensor) -> Answers:
        still = fields.abs().amax((1, 2, 3)) <= _SMALLEST
        answer = self.network(fields, scale)
        logits = torch.cat([answer.logits, answer.either], 1)
        moved, listed = self.calibration(logits)
        moved, listed = (torch.where(still[:, None], 0.0, values) for values in (moved, listed))
        outputs = len(layout.OUTPUTS)
        parts = (
            moved[:, :outputs],
            moved[:, outputs:],
            listed[:, :outputs],
            listed[:, outputs:],
            answer.amplitude.clamp_min(0) * torch.where(still, 0.0, unit)[:, None],
            torch.where(still, 0.0, answer.upright.sigmoid()),
            answer.place * answer.place.new_tensor(placement.SPREAD),
            answer.cells,
            answer.embedding,
        )
        return Answers(*(np.ascontiguousarray(part.numpy(), np.float32) for part in parts))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the prior to a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        state = {f"network.{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        save_file(state | self.calibration.state(), Path(folder) / FILE)


@lru_cache(maxsize=2)
def load(folder: str | os.PathLike[str]) -> Prior:
    """Read a prior from a folder.

    Raises:
        DataError: there is none, or one of another version.

    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise DataError(folder, "no motion prior", f"the file {FILE}", "run `dvc repro prior`")
    try:
        state = load_file(path)
        network = Network()
        network.load_state_dict({name[8:]: value for name, value in state.items() if name.startswith("network.")})
        return Prior(network, Calibration.from_state(state))
    except (SafetensorError, RuntimeError, KeyError) as error:
        reason = f"a prior that cannot be read ({type(error).__name__})"
        raise DataError(path, reason, "one of this version", "run `dvc repro prior`") from error
