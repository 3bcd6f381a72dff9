"""The command line: ``deft predict``, ``demo``, ``report``, ``show``, ``compare``, ``doctor``, ``render``."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
import yaml
from rich.console import Console

from deft.core import params, paths, tables
from deft.core.errors import DataError, NoFaceError

if TYPE_CHECKING:
    from deft.score import compare as paired

# The decoder writes to stderr past Python; the error that we print says enough.
os.environ |= {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

UNUSABLE, NO_FACE = 1, 3  # exit codes; 2 is a wrong usage


@app.callback()
def main() -> None:
    """Micro-expressions in words that are grounded in measured facial motion."""


@app.command()
def predict(
    video: Annotated[Path, typer.Argument(help="A video file, or a folder of images in order of their numbers.")],
    out: Annotated[Path, typer.Option(help="Where NAME.json, NAME.csv and NAME.png are written.")] = Path("."),
    model: Annotated[Path, typer.Option(help="The folder of a tuned model.")] = Path("models/deft/final"),
    onset: Annotated[
        int | None, typer.Option(min=0, help="First frame of the motion, from 0; events are found if left out.")
    ] = None,
    apex: Annotated[int | None, typer.Option(min=0, help="Frame of the largest motion; goes with --onset.")] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=1, help="Frames per second of a folder of images, 200 if left out; a video file knows its own."
        ),
    ] = None,
    person: Annotated[
        Literal["all", "largest"], typer.Option(help="Whose events are found: everyone's, or the largest face's.")
    ] = "all",
) -> None:
    """Find every expression in a video, and say what it shows and why.

    Exit codes: 0 done, 1 the video or the model cannot be used, 2 wrong usage, 3 no face is seen.
    """
    from deft import inference
    from deft.media import video as videos
    from deft.report import answers

    if (onset is None) != (apex is None):
        raise typer.BadParameter("--onset and --apex go together: found one, expected both or neither")
    try:
        source = videos.open_source(video, fps)
        with inference.load(model, params.spotting()) as recogniser:
            if onset is None or apex is None:
                timeline = inference.spot(source, recogniser, largest=person == "largest")
            else:
                timeline = inference.given_event(source, onset, apex)
            recognitions = inference.recognise(source, timeline.events, recogniser)
            note = recogniser.note
            events, files = answers.write(out, video.resolve().stem, timeline, recognitions, note)
    except NoFaceError as error:
        _stop(error, NO_FACE)
    except DataError as error:
        _stop(error, UNUSABLE)
    if events:
        Console().print(answers.table(events))
    for line in (*timeline.notes, *files, *([note] if note else [])):
        typer.echo(line)


@app.command()
def demo(
    model: Annotated[Path, typer.Option(help="The folder of a tuned model.")] = Path("models/deft/final"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the page is: http://127.0.0.1:PORT.")] = 7860,
) -> None:
    """Serve a page on this machine alone, on which a video can be dropped and its events opened."""
    from deft import demo as page

    try:
        page.serve(model, port)
    except DataError as error:
        _stop(error, UNUSABLE)


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
) -> None:
    """Write all results, and one page per clip, into one HTML file that needs no network."""
    from deft.core import fanout
    from deft.report import clips, page

    try:
        parameters = params.load()
        family = parameters.families[0]
        keys = clips.known(paths.DATA, family)
        scratch = paths.SCRATCH / "report" / fanout.content_key([paths.DATA / name for name in clips.READ], family)
        cluster = fanout.Cluster(parameters.engine, parameters.jobs)
        outcomes = fanout.over(
            partial(page.card, paths.DATA, family), keys, title="report", cluster=cluster, scratch=scratch
        )
        cards, failures = fanout.gather(outcomes)
        left_out = [
            *clips.left_out(paths.DATA, parameters.datasets),
            *(clips.LeftOut("report", *each) for each in failures.items()),
        ]
        page.write(out, list(cards.values()), left_out, paths.METRICS, parameters.datasets)
    except params.ParamsError as error:
        sys.exit(f"error: {error}")
    except DataError as error:
        _stop(error, UNUSABLE)
    typer.echo(f"{out}: {len(cards)} clips, {out.stat().st_size / 1e6:.1f} MB")


@app.command()
def show(
    clip: Annotated[str, typer.Argument(help="DATASET/SUBJECT/NAME, for example rendered/sub01/EP02_01f.")],
    out: Annotated[Path | None, typer.Option(help="The PNG to write; named after the clip if left out.")] = None,
    magnify: Annotated[
        float | None, typer.Option(min=1, help="Also write a loop of the face, its motion magnified this many times.")
    ] = None,
) -> None:
    """Write what is known of one clip as a picture: frames, motion, evidence, listed units, and both triples."""
    from deft.report import clips, loop, still

    try:
        parameters = params.load()
        view = clips.find(paths.DATA, parameters.families[0], clip, parameters.datasets)
        path = out or Path(f"{clip.replace('/', '-')}.png")
        if magnify is not None:
            loop.write(path.with_suffix(".webp"), view, magnify)
            typer.echo(path.with_suffix(".webp"))
        still.draw(path, view)
        typer.echo(path)
    except params.ParamsError as error:
        sys.exit(f"error: {error}")
    except DataError as error:
        _stop(error, UNUSABLE)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A git revision, a DVC experiment, or `workspace`.")],
    second: Annotated[str, typer.Argument(help="Another one, of the same clips.")] = "workspace",
    out: Annotated[Path | None, typer.Option(help="A JSON file for the same figures.")] = None,
) -> None:
    """Say by how much two experiments differ, with intervals, and how likely other subjects are to reverse it."""
    from deft.report import comparison
    from deft.score import compare as paired

    try:
        evaluate = params.load().evaluate
        one, other = _recorded(first), _recorded(second)
        differences = paired.differences(one, other, resamples=evaluate.resamples, seed=evaluate.seed)
    except params.ParamsError as error:
        sys.exit(f"error: {error}")
    except DataError as error:
        _stop(error, UNUSABLE)
    rule = paired.rule(one, resamples=evaluate.resamples, seed=evaluate.seed)
    comparison.show(first, second, differences, rule)
    if out:
        figures = {name: difference._asdict() for name, difference in differences.items()}
        tables.write_json(out, {"first": first, "second": second, "rule": rule, "figures": figures})


@app.command()
def doctor(
    dataset: Annotated[str | None, typer.Argument(help="A folder under data/raw/; all of them if left out.")] = None,
) -> None:
    """Say what each dataset holds, what it lacks, and which rows of its sheet cannot be used and why."""
    from deft.datasets import FORMATS, checkup
    from deft.report import doctor as checkups_report

    try:
        index = params.load().index
    except params.ParamsError as error:
        sys.exit(f"error: {error}")

    def examine(name: str) -> checkup.Checkup:
        return checkup.examine(paths.RAW / name, name, index.formats.get(name, name), index.corrections)

    if dataset is not None:
        try:
            checked = examine(dataset)
        except DataError as error:
            _stop(error, UNUSABLE)
        checkups_report.show(checkups_report.details(dataset, checked, str(paths.report("index", dataset))))
        return
    entries = paths.RAW.iterdir() if paths.RAW.is_dir() else []
    present = sorted(path.name for path in entries if path.is_dir() and path.name[0] != ".")
    checkups: dict[str, checkup.Checkup | DataError] = {}
    for name in present:
        try:
            checkups[name] = examine(name)
        except DataError as error:
            checkups[name] = error
    checkups_report.show(checkups_report.overview(checkups, [name for name in FORMATS if name not in present]))


@app.command()
def render(
    layouts: Annotated[
        list[str] | None, typer.Argument(help="Formats of datasets; those of `render.layouts` if left out.")
    ] = None,
    subjects: Annotated[int, typer.Option(min=2, max=99, help="Rendered people; each layout has its own.")] = 4,
    clips: Annotated[int, typer.Option(min=1, help="Clips of each person.")] = 9,
) -> None:
    """Fill data/raw/ with rendered stand-ins for datasets, in their layouts and with the faults of their sheets."""
    from deft.render import standins

    try:
        parameters = params.load()
        for name in layouts or parameters.render.layouts:
            written = standins.write(name, paths.RAW / name, parameters.render.seed, subjects, clips, parameters.jobs)
            typer.echo(f"{paths.RAW / name}: {written} clips; every face in them is rendered")
    except params.ParamsError as error:
        sys.exit(f"error: {error}")
    except DataError as error:
        _stop(error, UNUSABLE)


def _recorded(revision: str) -> "paired.Run":
    """Return an experiment's answers at a revision, and what they are judged by."""
    from deft.core import revisions
    from deft.score import compare as paired

    parameters = yaml.safe_load(revisions.read(revision, "params.yaml"))
    family = parameters.get("families", ["deft"])[0]  # older revisions have no such key
    answers = revisions.rows(revision, str(paths.predictions(family)), paired.ANSWER_COLUMNS)
    triples = revisions.rows(revision, str(paths.TRIPLES), paired.TRIPLE_COLUMNS)
    return paired.run(revision, str(parameters["task"]["labels"]), answers, triples)


def _stop(error: DataError, code: int) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    app()
