"""Stages and videos are measured in one way: what `deft.measure.clip` returns is what the stages' tables hold."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from deft import experts, inference, measure, prior
from deft.core import params, schemas, tables
from deft.core.errors import DataError
from deft.core.params import Measurement
from deft.face import Points
from deft.facs.regions import REGIONS
from deft.media import Image, pictures, video
from deft.motion import evidence
from deft.spotting import Event

VERDICT = "verdict"  # of a region in the table `verify`: judged by the sheet, so no measurement


def table(folder: Path, stage: str, name: str = "rendered") -> Path:
    return folder / "data" / stage / f"{name}.parquet"


def stored(regions: list[evidence.Evidence]) -> list[tables.Row]:
    """Evidence as the table `verify` gives it back, but for the verdicts."""
    rows = [region._asdict() for region in regions]
    column: list[list[tables.Row]] = pa.array([rows], type=schemas.VERIFY.field("regions").type).to_pylist()
    return [{name: value for name, value in row.items() if name != VERDICT} for row in column[0]]


def check_tables(folder: Path, clip: str, measured: measure.Measured) -> None:
    """Fail unless the stages' tables hold exactly what was measured of a clip."""
    kept = {row["position"]: row["crop"] for row in tables.rows(table(folder, "crop"), clip=clip)}
    assert list(measured.crops) == list(kept)
    for position, image in measured.crops.items():
        np.testing.assert_array_equal(image, pictures.decode(kept[position]))
    np.testing.assert_array_equal(measured.points, tables.points(table(folder, "landmarks"), clip))
    np.testing.assert_array_equal(measured.flows, tables.flows(table(folder, "flow"), clip)[1])
    regions = tables.row(table(folder, "verify"), clip)["regions"]
    assert [row["region"] for row in regions] == list(REGIONS)
    assert stored(measured.evidence) == [{key: row[key] for key in row if key != VERDICT} for row in regions]
    assert list(measured.tokens) == list(experts.NAMES)
    for expert, tokens in measured.tokens.items():
        row = tables.row(table(folder, "features", f"rendered/{expert}"), clip)
        np.testing.assert_array_equal(tokens, np.array(row["tokens"], np.float32))


def test_a_measured_clip_is_what_the_tables_hold(corpus: Path) -> None:
    measurement = Measurement.of(params.load(corpus / "params.yaml"))
    reader = prior.load(corpus / "models" / "prior")
    rows = tables.rows(table(corpus, "index"))
    assert len(rows) == 9
    for row in rows:
        positions = measure.crop_positions(row["onset"], row["apex"], row["offset"], measurement.crop)
        frames = {place: pictures.read(corpus / "data/raw/rendered" / row["frames"][place]) for place in positions}
        measured = measure.clip(frames, row["onset"], row["apex"], experts.NAMES, measurement, reader)
        check_tables(corpus, row["clip"], measured)


def test_a_predicted_clip_is_what_the_tables_hold(tuned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tuned)
    rows = tables.rows(table(tuned, "index"))[::4]
    assert len(rows) == 3
    with inference.load(tuned / "models" / "deft" / "final") as recogniser:
        for row in rows:
            source = video.open_source((tuned / "data/raw/rendered" / row["frames"][0]).parent)
            onset_s, apex_s, offset_s = (row[moment] / source.fps for moment in ("onset", "apex", "offset"))
            event = Event("micro", row["onset"], row["apex"], row["offset"], onset_s, apex_s, offset_s, None)
            ((_, recognition),) = inference.recognise(source, [event], recogniser)
            assert isinstance(recognition, inference.Recognition)
            check_tables(tuned, row["clip"], recognition.measured)


def test_a_clip_that_comes_as_flow_is_measured_in_the_tables_precision(points: Points) -> None:
    field = np.random.default_rng(0).normal(0, 1, (256, 256, 2)).astype(np.float32)
    (step,) = measure.flow_of_field(field, points, 3, params.Flow(steps=3, compensated=True))
    assert step.position == 3
    np.testing.assert_array_equal(step.flow, step.flow.astype(np.float16))
    assert step.noise_px == np.float32(step.noise_px)


def test_tokens_that_are_no_numbers_are_refused_for_their_clip_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    features = params.Features(
        structure="default", texture="default", motion="other", field="default", grid=1, tokens=1, batch=2
    )
    encoded = [np.zeros((1, 2), np.float32), np.array([[0, np.nan]], np.float32)]
    monkeypatch.setattr(experts, "tokens", lambda *_: encoded)
    first, second = measure.tokens("motion", [], features)
    assert isinstance(first, np.ndarray)
    assert isinstance(second, DataError)
    assert str(second) == (
        "features.motion: other: found 1 of 2 values NaN or infinite, expected numbers; take another model"
    )


def test_the_onset_alone_gives_the_transform_of_all_crops(astronaut: Image) -> None:
    crop = params.Crop(size_px=256, iod_px=80, eye_line=0.38, frames=3)
    blank = np.zeros_like(astronaut)
    crops = measure.crop({4: astronaut, 5: blank}, 4, crop)
    assert list(crops.images) == [4, 5]
    assert not crops.images[5].any()
    assert crops.matrix.shape == (2, 3)
