"""Where the faces lie in a dataset's flow fields, if nobody knows: where the prior understands their motion best.

One place is taken for all fields of a dataset, since one program cut them. It is chosen without any label: at each
place of a grid the prior says how likely the likeliest unit of each field is, and the place with the largest sum wins,
less a penalty for places far from the frame (`deft.prior.placement`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from deft.facs import mean_face
from deft.prior import Floats, Prior, canonical
from deft.prior.calibration import log_odds

MOST_FIELDS = 300  # that are looked at, spread evenly
SIZES = np.exp(np.linspace(-0.35, 0.35, 8))  # of the face, in the frame's
DOWN = np.linspace(-0.12, 0.20, 9)  # of the field's height
RIGHT = (-0.03, 0.0, 0.03)  # of the field's width
_SPREAD = (0.15, 0.08, 0.03)  # standard deviations of log size, down and right
_MOST_TURNED = 100  # fields that are turned to see which way is up
GIVEN = "as given"
# What a field (H, W, 2) would have been like, had it been written otherwise.
ORIENTATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    GIVEN: lambda field: field,
    "y negated": lambda field: field * np.array([1, -1], np.float32),
    "upside down": lambda field: field[::-1] * np.array([1, -1], np.float32),
}


class Registration(NamedTuple):
    """The place of the faces in fields: their size, in the frame's, and their shifts as shares of the field's sides."""

    size: float
    right: float
    down: float

    def points(self, shape: Sequence[int]) -> Floats:
        """Return the mean face's landmarks (68, 2), in px, in a field (H, W)."""
        height, width = shape[:2]
        points = mean_face.filling(shape) + 0.5
        pivot = np.array([0.5 * width, 0.5 * height])
        shift = np.array([self.right * width, self.down * height])
        return np.asarray((points - pivot) * self.size + pivot + shift - 0.5, np.float32)


def estimate(fields: Sequence[Floats], subjects: Sequence[str], prior: Prior) -> list[Registration]:
    """Return, for each field, the place of the faces in the fields of all other subjects.

    fields: (H, W, 2) each. So the place of no field rests on its own subject's motion. The fields of a dataset of one
    subject lie in the frame. Size and height are searched first, then the shift to the side.
    """
    chosen = np.unique(np.linspace(0, len(fields) - 1, min(len(fields), MOST_FIELDS)).round().astype(int))
    looked_at, owners = [fields[number] for number in chosen], np.array([subjects[number] for number in chosen])
    names = sorted(set(subjects))
    central = [Registration(float(size), 0.0, float(down)) for size in SIZES for down in DOWN]
    best = _best(central, looked_at, owners, names, prior)
    shifted = [place._replace(right=right) for place in sorted(set(best)) for right in RIGHT]
    found = dict(zip(names, _best(shifted, looked_at, owners, names, prior), strict=True))
    return [found[subject] for subject in subjects]


def upright(fields: Sequence[Floats], subjects: Sequence[str], prior: Prior) -> dict[str, float]:
    """Return how much fields look like those of upright faces: the mean log-odds, by name of `ORIENTATIONS`.

    The face is placed anew in each orientation. Where another orientation than the given one looks more upright, the
    fields are probably written with y up, or upside down.
    """
    chosen = np.unique(np.linspace(0, len(fields) - 1, min(len(fields), _MOST_TURNED)).round().astype(int))
    owners, odds = [subjects[number] for number in chosen], {}
    for name, turn in ORIENTATIONS.items():
        turned = [np.ascontiguousarray(turn(fields[number])) for number in chosen]
        places = estimate(turned, owners, prior)
        gridded = np.stack(
            [canonical.field(one, place.points(one.shape)) for one, place in zip(turned, places, strict=True)]
        )
        odds[name] = round(float(log_odds(prior.answer(gridded, known=False).upright).mean()), 2)
    return odds


def ranges(places: Sequence[Registration]) -> dict[str, list[float]]:
    """Return the smallest and the largest of each part of the places: how far they depend on who is left out."""
    columns = zip(Registration._fields, zip(*places, strict=True), strict=True)
    return {name: [round(min(values), 3), round(max(values), 3)] for name, values in columns}


def _best(
    places: Sequence[Registration],
    fields: Sequence[Floats],
    owners: npt.NDArray[np.str_],
    subjects: Sequence[str],
    prior: Prior,
) -> list[Registration]:
    """Return, for each subject, the likeliest of the places, by the fields (n) whose ``owners`` (n,) are others."""
    likelihood = np.stack(
        [_likelihood(fields, place, prior) for place in tqdm(places, "registration", unit="place", mininterval=1.0)]
    )  # (places, n)
    off = np.array([(np.log(place.size), place.down, place.right) for place in places]) / _SPREAD
    penalty = 0.5 * (off**2).sum(1)  # (places,)
    scores = [likelihood[:, owners != subject].sum(1) - penalty for subject in subjects]
    return [places[int(np.argmax(score))] for score in scores]


def _likelihood(fields: Sequence[Floats], place: Registration, prior: Prior) -> npt.NDArray[np.floating]:
    """Return the logarithm of the odds of each field's likeliest unit (n,), if the faces lie at a place."""
    gridded = np.stack([canonical.field(field, place.points(field.shape)) for field in fields])
    return log_odds(prior.answer(gridded, known=False).either.max(1))
