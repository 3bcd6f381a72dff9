"""The report: one HTML file that holds everything it shows and asks the network for nothing."""

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
from deft.report.table import NAMES

_ARROW = 2.2  # of the grid's step: the longest arrow of the field


class Card(NamedTuple):
    """A clip in the list, and its page as HTML. ``true_p`` is what the head gives the sheet's class."""

    clip: str
    dataset: str
    subject: str
    emotion: str
    head: str
    text: str
    said: tuple[str, str]  # classes of head and text
    aus: list[tuple[str, str]]  # code and verdict
    true_p: float
    thumb: str
    page: str


def card(data: Path, family: str, clip: str) -> Card:
    """Return what the report shows of one clip, from the tables in ``data`` and the answers of a model family."""
    view = clips.read(data, family, clip)
    answer = view.answer or {"emotion": None, "said_emotion": None, "probabilities": []}
    label = view.triple["label"]
    return Card(
        clip=clip,
        dataset=view.row["dataset"],
        subject=f"{view.row['dataset']}/{view.row['subject']}",
        emotion=label or view.row["emotion"] or "no emotion",
        head=clips.right(answer["emotion"], view),
        text=clips.right(answer["said_emotion"], view),
        said=(answer["emotion"] or "–", answer["said_emotion"] or "–"),
        aus=[(au["code"], au["verdict"]) for au in view.aus],
        true_p=next((each["p"] for each in answer["probabilities"] if each["emotion"] == label), 0.0),
        thumb=sprites.thumb(view),
        page=page(view),
    )


def failures_first(cards: Sequence[Card]) -> list[Card]:
    """Clips that head and text get wrong, then those that one of them does; within each, the surest mistake first."""

    def order(each: Card) -> tuple[bool, int, float, str]:
        rights = (each.head, each.text).count(clips.RIGHT)
        return each.head == clips.NOT_ASKED, rights, each.true_p, each.clip

    return sorted(cards, key=order)


def page(view: View) -> str:
    """A clip's page as HTML."""
    answer, true = view.answer, view.triple
    height, width = next(iter(view.crops.values())).shape[:2] if view.crops else view.flow.shape[:2]
    top, bottom = (round(share * height) for share in (overlay.SHOWN if view.crops else (0, 1)))
    sprite = sprites.sprite([overlay.shown(crop) for crop in view.crops.values()]) if view.crops else None
    said = answer or dict.fromkeys(("emotion", "said_emotion", "said_aus", "evidence", "rationale"))
    return templates().get_template("clip.html.j2").render(
        view=view,
        head=clips.right(said["emotion"], view),
        text=clips.right(said["said_emotion"], view),
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
        moving=[seen.text for seen in triple.moving(true["seen"])],
        pairs=compared.sights(true["evidence"], said["evidence"] or []),
        rationale=_both(true["rationale"], said["rationale"] or ""),
        category=_both(true["category"], clips.category(view)),
    )  # fmt: skip


def write(
    path: Path, cards: Sequence[Card], left_out: Sequence[clips.LeftOut], metrics: Path, datasets: Sequence[str]
) -> None:
    """Write the report of these clips, with the figures in ``metrics``; without ablations their section is left out.

    Raises:
        DataError: there are no figures.

    """
    if not (metrics / "loso.json").exists():
        raise DataError(metrics / "loso.json", "no such file", "the figures of `evaluate`", "run `dvc repro`")
    names = ("loso", "baselines", "experts", "ablations")
    read = {name: tables.read_json(metrics / f"{name}.json") for name in names if (metrics / f"{name}.json").exists()}
    plots, scores = metrics / "plots", read["loso"]
    html = templates().get_template("report.html.j2").render(
        **read,
        names=NAMES,
        datasets=datasets,
        cards=failures_first(cards),
        left_out=left_out,
        confusion={who: charts.confusion(plots, who) for who in charts.ANSWERS},
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
    """The pages' templates, in which every text is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("deft.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"levels": overlay.LEVEL_COLOURS, "marks": clips.MARKS}
    return made


def _both(text: str, other: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    return compared.words(text, other), compared.words(other, text)


def _moments(view: View, sprite: sprites.Sprite, width: int, height: int, top: int) -> list[tuple[int, int, str]]:
    """Where the sprite lies when each of its frames is to be seen, pixels of the crop, and what that frame is."""
    row = view.row
    named = {row["onset"]: ", onset", row["apex"]: ", apex", row["offset"]: ", offset"}
    told = []
    for position, (column, line) in zip(view.crops, sprite.places, strict=True):
        since = f", {1000 * (position - row['onset']) / row['fps']:.0f} ms" if row["fps"] else ""
        told.append((-column * width, top - line * height, f"frame {position}{since}{named.get(position, '')}"))
    return told


def _field(view: View) -> list[list[float]]:
    """Arrows of the flow: place and vector, pixels."""
    places, vectors = overlay.arrows(view.flow, view.points)
    if not len(places):
        return []
    step = view.flow.shape[0] / overlay.ARROWS
    longest = max(float((vectors**2).sum(-1).max() ** 0.5), 1e-6)
    return [
        [round(float(value), 1) for value in (*place, *vector)]
        for place, vector in zip(places, vectors * (_ARROW * step / longest), strict=True)
    ]


def _shape(shape: overlay.Shape, verdicts: dict[str, str]) -> dict[str, Any]:
    seen = shape.seen
    way = "still" if shape.tip is None else f"{seen.direction}, {seen.level}, {seen.timing}, {verdicts[seen.region]}"
    ends = None if shape.tip is None else [round(float(value), 1) for value in (*shape.centre, *shape.tip)]
    return {
        "points": sprites.path(shape.hull),
        "level": seen.level,
        "told": f"{seen.region}: {way}, {seen.z:.1f} × noise",
        "arrow": ends and f"M{ends[0]} {ends[1]}L{ends[2]} {ends[3]}",
    }
