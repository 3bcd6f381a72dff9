"""The unit reader: few clips of few people are enough, and nobody is judged by a machine that was fitted on them."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from deft.models import unit_reader
from deft.models.reduction import Floats

UNITS, DIM, PEOPLE = 3, 40, 6
COUNT = 60


def clips(seed: int = 0) -> tuple[Floats, Floats, list[str]]:
    """Tokens (clips, 1, dim), what was shown (clips, units), and people; the field beside the log-odds tells unit 0."""
    rng = np.random.default_rng(seed)
    shown = (rng.random((COUNT, UNITS)) < 0.4).astype(np.float32)
    field = rng.normal(0, 1, (COUNT, DIM)) + 2 * shown[:, :1]
    odds = rng.normal(-2, 1, (COUNT, UNITS))
    tokens = np.hstack([odds, field])[:, None].astype(np.float32)
    return tokens, shown, [f"mine/s{number % PEOPLE}" for number in range(COUNT)]


def machine_says(reader: unit_reader.UnitReader, tokens: Floats) -> npt.NDArray[np.float32]:
    return np.asarray(reader(torch.from_numpy(tokens))[..., 1])


def test_what_the_field_tells_is_learned_from_few_clips() -> None:
    tokens, shown, people = clips()
    reader, _ = unit_reader.fit(tokens, shown, people)
    others, shown_there, _ = clips(1)
    scores = machine_says(reader, others)[:, 0]
    assert scores[shown_there[:, 0] == 1].min() > np.median(scores[shown_there[:, 0] == 0])
    assert reader.gains[1] > 0


def test_a_training_clip_is_judged_without_its_subject() -> None:
    tokens, shown, people = clips()
    _, scores = unit_reader.fit(tokens, shown, people)
    others = np.array([person != people[0] for person in people])
    spoiled = np.where(others[:, None], shown, 1 - shown)
    _, anew = unit_reader.fit(tokens, spoiled, people)
    np.testing.assert_array_equal(anew[~others], scores[~others])
    assert not np.array_equal(anew[others], scores[others])


@pytest.mark.parametrize("alone", [True, False])
def test_without_two_labelled_people_the_prior_stands_alone(alone: bool) -> None:
    tokens, shown, people = clips()
    if alone:
        people = ["mine/s0"] * COUNT
    else:
        shown = np.full_like(shown, np.nan)
    reader, scores = unit_reader.fit(tokens, shown, people)
    assert not scores[..., 1].any()
    assert not machine_says(reader, tokens).any()
    assert reader.gains.tolist() == [1, 0]
    np.testing.assert_allclose(scores[..., 0] + reader.offset.numpy(), tokens[:, 0, :UNITS], rtol=1e-4, atol=1e-4)


def test_a_clip_that_is_not_seen_or_not_labelled_teaches_nothing() -> None:
    tokens, shown, people = clips()
    tokens[3], shown[4] = np.nan, np.nan
    reader, scores = unit_reader.fit(tokens, shown, people)
    assert len(reader.support) == COUNT - 2
    assert not scores[3].any()
    assert scores[4, :, 1].all()
    assert not reader(torch.from_numpy(tokens[3:4])).any()


def test_a_clip_is_read_alike_alone_and_among_others() -> None:
    tokens, shown, people = clips()
    reader, _ = unit_reader.fit(tokens, shown, people)
    together = machine_says(reader, tokens)
    for number in (0, 31):
        np.testing.assert_allclose(machine_says(reader, tokens[number : number + 1])[0], together[number], atol=1e-6)
