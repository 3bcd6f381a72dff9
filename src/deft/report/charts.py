"""Data of the overview's charts (matrices, bars and lines) from ``metrics/``; the templates draw them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

TICKS = 6  # at most
WIDTH, HEIGHT, DOT = 400, 220, 3.4
ANSWERS = {"head": "emotion", "text": "generated"}  # series → group of scores in `deft.score.loso`


class Matrix(NamedTuple):
    """Numbers of clips by the sheet's class (rows) and the answered class (columns)."""

    rows: list[str]
    columns: list[str]
    counts: list[list[int]]


class Axis(NamedTuple):
    """An axis from its first tick, drawn at ``start``, to its last, at ``end``."""

    label: str
    ticks: list[float]
    start: int
    end: int

    def at(self, value: float) -> float:
        """Return the coordinate at which a value is drawn."""
        first, last = self.ticks[0], self.ticks[-1]
        return round(self.start + (self.end - self.start) * (value - first) / (last - first), 1)


class Line(NamedTuple):
    """A named line through points, with the radius of the dot at each point (empty: no dots)."""

    name: str
    points: list[tuple[float, float]]
    radii: list[float]


class Lines(NamedTuple):
    """Lines over a common axis, with the title of the chart."""

    title: str
    x: Axis
    y: Axis
    lines: list[Line]


class Bars(NamedTuple):
    """A row of bars: its name, a note beside it, and one value in [0, 1] per series."""

    name: str
    note: str
    values: list[float]


def confusion(plots: Path, series: str) -> Matrix:
    """Return the confusion matrix of head or text, from its plot's table."""
    frame = _table(plots / f"confusion_{series}.csv")
    rows = sorted(frame["sheet"].unique())
    columns = [*rows, *sorted(set(frame["answered"]) - set(rows))]
    counts = frame.groupby(["sheet", "answered"]).size().to_dict()
    return Matrix(rows, columns, [[counts.get((row, column), 0) for column in columns] for row in rows])


def classes(scores: Mapping[str, Any]) -> list[Bars]:
    """Return the F1 of each class, of head and text."""
    head, text = ({row["emotion"]: row for row in scores[key]["per_class"]} for key in ANSWERS.values())
    return [Bars(name, _clips(head[name]["support"]), [head[name]["f1"], text[name]["f1"]]) for name in head]


def subjects(scores: Mapping[str, Any]) -> list[Bars]:
    """Return the accuracy on each subject, of head and text."""
    return [
        Bars(row["subject"], _clips(row["clips"]), [row["acc"], row["generated_acc"]]) for row in scores["by_subject"]
    ]


def units(scores: Mapping[str, Any], names: Mapping[int, str]) -> list[Bars]:
    """Return the unit head's binary F1 of each Action Unit in the sheets."""
    f1, support = scores["au"]["per_unit"], scores["au"]["support"]
    return [Bars(f"{unit} {names[int(unit)]}", _clips(support[unit]), [f1[unit]]) for unit in sorted(f1, key=int)]


def losses(plots: Path) -> Lines:
    """Return each term of the loss over the epochs, averaged over folds, the total first."""
    frame = _table(plots / "losses.csv").set_index("epoch")
    names = sorted(frame.columns, key=lambda name: (name != "total", name))
    lines = [Line(name, _pairs(frame.index, frame[name]), []) for name in names]
    return _lines("Loss over epochs, mean over folds", "epoch", lines, up=[0.0])


def curves(plots: Path, over: str, label: str) -> Lines:
    """Return the AUC of the verdicts over amplitude or head motion, one line per dataset."""
    lines = [
        Line(str(name), _pairs(rows["px"], rows["auc"]), [DOT] * len(rows))
        for name, rows in _table(plots / f"auc_{over}.csv").groupby("dataset")
    ]
    return _lines(f"AUC of the verdicts over {label}", f"{label}, px", lines, up=[1.0])


def calibration(plots: Path) -> Lines:
    """Return the head's accuracy over its confidence; the area of a dot is proportional to its number of clips."""
    frame = _table(plots / "calibration.csv")
    areas = frame["clips"] / frame["clips"].max()
    radii = (3 * DOT * areas**0.5).round(1)
    head = Line("head", _pairs(frame["confidence"], frame["accuracy"]), [*radii])
    ideal = Line("perfect calibration", [(0.0, 0.0), (1.0, 1.0)], [])
    return _lines("Accuracy over confidence", "confidence", [head, ideal])


def _clips(count: int) -> str:
    return f"{count} clip{'s' if count > 1 else ''}"


def _pairs(across: Iterable[Any], up: Iterable[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(across, up, strict=True)]


def _lines(title: str, label: str, lines: list[Line], up: Sequence[float] = ()) -> Lines:
    """Return lines with axes that cover all points, and on the vertical axis also the values ``up``."""
    xs, ys = ([point[axis] for line in lines for point in line.points] for axis in (0, 1))
    return Lines(title, Axis(label, _ticks(xs), 0, WIDTH), Axis("", _ticks([*ys, *up]), HEIGHT, 0), lines)


def _ticks(values: Sequence[float]) -> list[float]:
    """Return evenly spaced round numbers that enclose the values."""
    from matplotlib.ticker import (
        MaxNLocator,
    )  # here, since it takes half a second to import and a clip's page needs none

    ticks = MaxNLocator(TICKS, steps=[1, 2, 5, 10]).tick_values(min(values, default=0), max(values, default=1))
    return [round(float(tick), 9) for tick in ticks]


def _table(path: Path) -> "pd.DataFrame":
    import pandas as pd  # here, since it takes as long to import

    return pd.read_csv(path, dtype={"sheet": str, "answered": str}, keep_default_na=False)
