"""The overview's charts as numbers: matrices, bars and lines, from ``metrics/``; the templates draw them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

TICKS = 6  # at most
WIDTH, HEIGHT, DOT = 400, 220, 3.4
ANSWERS = {"head": "emotion", "text": "generated"}  # who answers → where `deft.score.loso` keeps the scores


class Matrix(NamedTuple):
    """Clips by the sheet's class (rows) and the answer's (columns)."""

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
        """Where a value is drawn."""
        first, last = self.ticks[0], self.ticks[-1]
        return round(self.start + (self.end - self.start) * (value - first) / (last - first), 1)


class Line(NamedTuple):
    """A named course of points, and how large a dot marks each (none: a line alone)."""

    name: str
    points: list[tuple[float, float]]
    radii: list[float]


class Lines(NamedTuple):
    """Courses over a common axis, and what the picture shows, in words."""

    title: str
    x: Axis
    y: Axis
    lines: list[Line]


class Bars(NamedTuple):
    """A row of bars: its name, what to say beside it, and a value a series, in [0, 1]."""

    name: str
    note: str
    values: list[float]


def confusion(plots: Path, who: str) -> Matrix:
    """The confusion of head or text, from its plot's table."""
    frame = _table(plots / f"confusion_{who}.csv")
    rows = sorted(frame["sheet"].unique())
    columns = [*rows, *sorted(set(frame["answered"]) - set(rows))]
    counts = frame.groupby(["sheet", "answered"]).size().to_dict()
    return Matrix(rows, columns, [[counts.get((row, column), 0) for column in columns] for row in rows])


def classes(scores: Mapping[str, Any]) -> list[Bars]:
    """F1 of each class, head and text."""
    head, text = ({row["emotion"]: row for row in scores[key]["per_class"]} for key in ANSWERS.values())
    return [Bars(name, _clips(head[name]["support"]), [head[name]["f1"], text[name]["f1"]]) for name in head]


def subjects(scores: Mapping[str, Any]) -> list[Bars]:
    """Accuracy on each subject, head and text."""
    return [
        Bars(row["subject"], _clips(row["clips"]), [row["acc"], row["generated_acc"]]) for row in scores["by_subject"]
    ]


def units(scores: Mapping[str, Any], names: Mapping[int, str]) -> list[Bars]:
    """Binary F1 of each Action Unit in the sheets, the head's."""
    found, support = scores["au"]["per_unit"], scores["au"]["support"]
    return [Bars(f"{unit} {names[int(unit)]}", _clips(support[unit]), [found[unit]]) for unit in sorted(found, key=int)]


def losses(plots: Path) -> Lines:
    """Each part of the loss over the epochs, the mean over folds, the total first."""
    frame = _table(plots / "losses.csv").set_index("epoch")
    names = sorted(frame.columns, key=lambda name: (name != "total", name))
    lines = [Line(name, _pairs(frame.index, frame[name]), []) for name in names]
    return _lines("Loss over epochs, mean over folds", "epoch", lines, up=[0.0])


def curves(plots: Path, over: str, label: str) -> Lines:
    """AUC of the verdicts over amplitude or head motion, a line a dataset."""
    lines = [
        Line(str(name), _pairs(own["px"], own["auc"]), [DOT] * len(own))
        for name, own in _table(plots / f"auc_{over}.csv").groupby("dataset")
    ]
    return _lines(f"AUC of the verdicts over {label}", f"{label}, px", lines, up=[1.0])


def calibration(plots: Path) -> Lines:
    """How often the head is right, over how sure it is; a dot's area is the number of its clips."""
    frame = _table(plots / "calibration.csv")
    areas = frame["clips"] / frame["clips"].max()
    head = Line("head", _pairs(frame["confidence"], frame["accuracy"]), [*(3 * DOT * areas**0.5).round(1)])
    ideal = Line("as sure as right", [(0.0, 0.0), (1.0, 1.0)], [])
    return _lines("Accuracy over confidence", "confidence", [head, ideal])


def _clips(count: int) -> str:
    return f"{count} clip{'s' if count > 1 else ''}"


def _pairs(across: Iterable[Any], up: Iterable[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(across, up, strict=True)]


def _lines(title: str, label: str, lines: list[Line], up: Sequence[float] = ()) -> Lines:
    """Lines whose axes hold all points, and the values ``up`` on the upright one."""
    xs, ys = ([point[axis] for line in lines for point in line.points] for axis in (0, 1))
    return Lines(title, Axis(label, _ticks(xs), 0, WIDTH), Axis("", _ticks([*ys, *up]), HEIGHT, 0), lines)


def _ticks(values: Sequence[float]) -> list[float]:
    """Even, round steps around the values."""
    from matplotlib.ticker import MaxNLocator  # half a second to load, and a clip's page needs none

    ticks = MaxNLocator(TICKS, steps=[1, 2, 5, 10]).tick_values(min(values, default=0), max(values, default=1))
    return [round(float(tick), 9) for tick in ticks]


def _table(path: Path) -> "pd.DataFrame":
    import pandas as pd  # as long to load

    return pd.read_csv(path, dtype={"sheet": str, "answered": str}, keep_default_na=False)
