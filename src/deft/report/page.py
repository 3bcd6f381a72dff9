"""Write the report: one HTML file that needs nothing from the network."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from deft.core import tables
from deft.core.errors import DataError
from deft.facs.units import UNITS
from deft.language import triple
from deft.report import charts, clips, compared, overlay, sprites
from deft.report.clips import View
from deft.report.table import BASELINES

_ARROW = 2.2  # length of the longest arrow of the field, in steps of the grid


class Card(NamedTuple):
    """A clip in the list, and its page as HTML. ``label_p`` is the head's probability of the sheet's class."""

    clip: str
    dataset: str
    subject: str
    emotion: str
    head: str
    text: str
    answers: tuple[str, str]  # classes of head and text
    aus: list[tuple[str, str]]  # code and verdict
    label_p: float
    thumb: str
    page: str


def card(data: Path, family: str, clip: str) -> Card:
    """Return what the report shows of one clip, from the tables in ``data`` and the answers of a model family."""
    view = clips.read(data, family, clip)
    answer = view.answer or {"emotion": None, "said_emotion": None, "probabilities": []}
    label = view.triple["label"]
    probabilities = {each["emotion"]: each["p"] for each in answer["probabilities"]}
    return Card(
        clip=clip,
        dataset=view.row["dataset"],
        subject=f"{view.row['dataset']}/{view.row['subject']}",
        emotion=label or view.row["emotion"] or "no emotion",
        head=clips.right(answer["emotion"], view),
        text=clips.right(answer["said_emotion"], view),
        answers=(answer["emotion"] or "–", answer["said_emotion"] or "–"),
        aus=[(au["code"], au["verdict"]) for au in view.aus],
        label_p=probabilities.get(label, 0.0),
        thumb=sprites.thumb(view),
        page=page(view),
    )


def failures_first(cards: Sequence[Card]) -> list[Card]:
    """Sort clips: head and text wrong, then one of them, then none, then clips without an answer.

    Within each group, the lowest probability of the sheet's class comes first.
    """

    def order(card: Card) -> tuple[bool, int, float, str]:
        right = (card.head, card.text).count(clips.RIGHT)
        return card.head == clips.NOT_ASKED, right, card.label_p, card.clip

    return sorted(cards, key=order)


def page(view: View) -> str:
    """Return a clip's page as HTML."""
    images, true = list(view.crops.values()), view.triple
    height, width = images[0].shape[:2] if images else view.flow.shape[:2]
    top_share, bottom_share = overlay.SHOWN if images else (0, 1)
    top, bottom = round(top_share * height), round(bottom_share * height)
    sprite = sprites.sprite([overlay.shown(image) for image in images]) if images else None
    answer = view.answer or dict.fromkeys(("emotion", "said_emotion", "said_aus", "evidence", "rationale"))
    return templates().get_template("clip.html.j2").render(
        view=view,
        head=clips.right(answer["emotion"], view),
        text=clips.right(answer["said_emotion"], view),
        names={number: unit.name for number, unit in UNITS.items()},
        nothing=triple.NOTHING,
        size=(width, height),
        box=(0, top, width, bottom - top),
        sprite=sprite,
        moments=_moments(view, sprite, width, bottom - top, top) if sprite else [],
        motion=sprites.motion(view),
        outline=sprites.path(overlay.outline(view.points)),
        field=_field(view),
        shapes=[_shape(shape, view.verdicts) for shape in overlay.shapes(view.points, view.evidence)],
        unexplained=clips.unexplained(view),
        moving=[sight.text for sight in triple.moving(true["seen"])],
        pairs=compared.sights(true["evidence"], answer["evidence"] or []),
        rationale=_both(true["rationale"], answer["rationale"] or ""),
        category=_both(true["category"], clips.category(view)),
    )  # fmt: skip


def write(
    path: Path, cards: Sequence[Card], left_out: Sequence[clips.LeftOut], metrics: Path, datasets: Sequence[str]
) -> None:
    """Write the report of clips, with the figures in ``metrics``; without ablations, the report lacks that section.

    Raises:
        DataError: ``metrics`` holds no figures.

    """
    if not (metrics / "loso.json").exists():
        raise DataError(metrics / "loso.json", "no such file", "the figures of `evaluate`", "run `dvc repro`")
    names = ("loso", "baselines", "experts", "ablations", "landmarks")
    files = {name: metrics / f"{name}.json" for name in names}
    figures = {name: tables.read_json(path) for name, path in files.items() if path.exists()}
    plots, scores = metrics / "plots", figures["loso"]
    html = templates().get_template("report.html.j2").render(
        **figures,
        names=BASELINES,
        datasets=datasets,
        cards=failures_first(cards),
        left_out=left_out,
        confusion={series: charts.confusion(plots, series) for series in charts.ANSWERS},
        classes=charts.classes(scores),
        subjects=charts.subjects(scores),
        units=charts.units(scores, {number: unit.name for number, unit in UNITS.items()}),
        calibration=charts.calibration(plots),
        losses=charts.losses(plots),
        curves=[charts.curves(plots, "amplitude", "amplitude"), charts.curves(plots, "head", "head motion")],
    )  # fmt: skip
    with tables.complete(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


@cache
def templates() -> jinja2.Environment:
    """Return the templates of all pages; they escape every text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deft.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"levels": overlay.LEVEL_COLOURS, "marks": clips.MARKS}
    return environment


def _both(text: str, other: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Return two texts, each in stretches that are the same in the other or not."""
    return compared.words(text, other), compared.words(other, text)


def _moments(view: View, sprite: sprites.Sprite, width: int, height: int, top: int) -> list[tuple[int, int, str]]:
    """Return, for each frame, the offset of the sprite that shows it (x, y; crop px), and the frame's caption."""
    row = view.row
    names = {row["onset"]: ", onset", row["apex"]: ", apex", row["offset"]: ", offset"}
    moments = []
    for position, (column, line) in zip(view.crops, sprite.places, strict=True):
        time = f", {1000 * (position - row['onset']) / row['fps']:.0f} ms" if row["fps"] else ""
        caption = f"frame {position}{time}{names.get(position, '')}"
        moments.append((-column * width, top - line * height, caption))
    return moments


def _field(view: View) -> list[list[float]]:
    """Return the arrows of the flow: x, y, dx, dy, in crop px."""
    points, vectors = overlay.arrows(view.flow, view.points)
    if not len(points):
        return []
    step = view.flow.shape[0] / overlay.ARROWS
    longest = max(float((vectors**2).sum(-1).max() ** 0.5), 1e-6)
    scaled = vectors * (_ARROW * step / longest)
    return [
        [round(float(value), 1) for value in (*point, *vector)] for point, vector in zip(points, scaled, strict=True)
    ]


def _shape(shape: overlay.Shape, verdicts: dict[str, str]) -> dict[str, Any]:
    """Return a region as SVG attributes, with a title that says what it does."""
    region = shape.evidence
    motion, arrow = "still", None
    if shape.tip is not None:
        motion = f"{region.direction}, {region.level}, {region.timing}, {verdicts[region.region]}"
        x0, y0, x1, y1 = (round(float(value), 1) for value in (*shape.centre, *shape.tip))
        arrow = f"M{x0} {y0}L{x1} {y1}"
    return {
        "points": sprites.path(shape.hull),
        "level": region.level,
        "title": f"{region.region}: {motion}, {region.z:.1f} × noise",
        "arrow": arrow,
    }
