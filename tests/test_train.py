from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from transformers import PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import LlamaMLP

from deft import facs
from deft.core import params
from deft.core.errors import DataError
from deft.facs.regions import REGIONS
from deft.language import triple
from deft.llm import load as llm
from deft.models.deft.answering import decoding, likelihood
from deft.models.deft.model import Config, Deft
from deft.models.deft.training import fold, loop, losses, selection
from deft.models.deft.training.examples import Example

# PEFT asks transformers by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PARAMS = params.load(ROOT / "params.yaml")
EMOTIONS, UNITS, TOKENS = ("disgust", "happiness"), (4, 12), {"structure": 1, "texture": 1, "motion": len(REGIONS)}
SIGHTS = {
    "happiness": ("12", 12, triple.Sight("right mouth corner", "up and out", "strong", "late")),
    "disgust": ("4", 4, triple.Sight("glabella", "down", "clear", "midway")),
}


def examples(count: int = 8, *, labelled: bool = True) -> list[Example]:
    """Clips of two classes in turn, of which every third says more than the others."""
    found = []
    for number in range(count):
        emotion = EMOTIONS[number % 2]
        code, unit, seen = SIGHTS[emotion]
        sights = [seen, triple.Sight("chin", "up", "slight", "early")] if number % 3 == 0 else [seen]
        told = triple.write(emotion, [(facs.parse(code)[0], sights)])
        found.append(Example(emotion, [unit] if labelled else None, triple.phrases(sights), told.text))
    return found


def vectors(count: int = 8, experts: Sequence[str] = tuple(TOKENS)) -> dict[str, Any]:
    """What experts see of them: the class, and some noise."""
    rng = np.random.default_rng(0)
    kinds = np.eye(4, dtype=np.float32)[np.arange(count) % 2][:, None]
    return {name: kinds + rng.normal(0, 0.1, (count, TOKENS[name], 4)).astype(np.float32) for name in experts}


Tune = Callable[..., tuple[Deft, list[losses.EpochLosses]]]


def config(tokens: dict[str, int]) -> Config:
    return Config(tuple(tokens), EMOTIONS, UNITS, tuple(tokens.values()), 6, 0.3, False, 1, triple.TASK)


@pytest.fixture
def tuned(words_of_pages: PreTrainedTokenizerFast) -> Callable[..., Any]:
    """Tune a small random Llama on the examples, with the project's own parameters unless told otherwise."""

    def run(
        some: Sequence[Example] = examples(), seen: dict[str, Any] | None = None, watch: Any = None, **changed: Any
    ) -> Any:
        torch.manual_seed(0)
        base = llm.create(words_of_pages, 32, 1, 2)
        seen = seen or vectors(len(some))
        lora, loss = changed.pop("lora", {}), changed.pop("weights", {})
        small = {"alignment_steps": 20, "batch": 4, "components": 2}
        epochs = changed.pop("epochs", 2)
        return fold.tuned(
            base,
            words_of_pages,
            config({name: TOKENS.get(name, 1) for name in seen}),
            some,
            seen,
            [],
            loop.Recipe(
                PARAMS.lora.model_copy(update=lora),
                PARAMS.loss.model_copy(update=loss),
                PARAMS.finetune.model_copy(update=small | changed),
                epochs,
            ),
            watch=watch,
        )

    return run


@pytest.fixture
def tune(tuned: Callable[..., Any]) -> Iterator[Tune]:
    """The same, for as long as a test takes."""
    with ExitStack() as stack:
        yield lambda *arguments, **changed: stack.enter_context(tuned(*arguments, **changed))


def dropout(**rates: float) -> Any:
    return {"modality_dropout": params.ModalityDropout(**dict.fromkeys((*TOKENS, "field"), 0.0) | rates)}


def moved(model: Deft) -> torch.Tensor:
    """All that was tuned, in one row."""
    return torch.cat([p.detach().flatten() for p in model.parameters() if p.requires_grad])


def test_every_loss_falls(tune: Tune) -> None:
    _, history = tune(epochs=12)
    for name in ("total", "text", "emotion", "units"):
        assert getattr(history[-1], name) < getattr(history[0], name), name


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_parts_add_up_to_the_whole_steps_gradient(tune: Tune, parts: int) -> None:
    seen = {"component_noise": 0.0, "epochs": 1} | dropout()
    (whole, told), (cut, told_in_parts) = (
        tune(gradient_accumulation=1, **seen),
        tune(gradient_accumulation=parts, **seen),
    )
    np.testing.assert_allclose(told, told_in_parts, rtol=1e-4)
    assert torch.allclose(moved(whole), moved(cut), atol=2e-4)


def test_recomputed_activations_change_nothing(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, read = LlamaMLP.forward, list[LlamaMLP]()

    def counted(self: LlamaMLP, x: torch.Tensor) -> Any:
        read.append(self)
        return forward(self, x)

    monkeypatch.setattr(LlamaMLP, "forward", counted)
    kept, before = moved(tune()[0]), len(read)
    assert torch.equal(kept, moved(tune(gradient_checkpointing=True)[0]))
    assert len(read) > 2.5 * before


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tune: Tune) -> None:
    assert torch.equal(moved(tune()[0]), moved(tune()[0]))
    assert not torch.equal(moved(tune()[0]), moved(tune(seed=2)[0]))


@pytest.mark.parametrize("term", ["text", "emotion", "units", "decorrelation"])
def test_a_term_counts_by_its_weight_and_is_told_without_it(tune: Tune, term: str) -> None:
    weights = {"text": 0.0, "emotion": 0.0, "units": 0.0, "decorrelation": 0.0}
    _, none = tune(weights=weights)
    _, twice = tune(weights=weights | {term: 2.0})
    assert getattr(none[0], term) > 0
    assert none[0].total == 0
    assert twice[0].total == pytest.approx(2 * getattr(twice[0], term), rel=1e-5)


def test_decorrelation_keeps_the_views_apart(tune: Tune) -> None:
    (_, alone), (_, apart) = tune(epochs=8), tune(epochs=8, weights={"decorrelation": 3.0})
    assert apart[-1].decorrelation < 0.9 * alone[-1].decorrelation


def test_a_language_model_that_is_not_tuned_keeps_its_words(tune: Tune) -> None:
    model, _ = tune(lora={"learning_rate": 0.0})
    changed = [bool(p.any()) for name, p in model.named_parameters() if "lora_B" in name]
    assert changed
    assert not any(changed)


@pytest.mark.parametrize("experts", [["motion"], ["structure"], ["structure", "texture"]])
def test_any_experts_can_be_learned_from(tune: Tune, experts: list[str]) -> None:
    _, history = tune(seen=vectors(8, experts), epochs=8)
    assert history[-1].text < history[0].text


def test_an_expert_that_is_always_hidden_says_nothing(tune: Tune) -> None:
    hidden, other = vectors(), vectors()
    other["texture"] = -other["texture"]
    kept = [tune(seen=seen, **dropout(texture=1.0))[0] for seen in (hidden, other)]
    for name in ("projectors.structure.layers.0.weight", "unit_head.weight"):
        assert torch.equal(kept[0].state_dict()[name], kept[1].state_dict()[name])


def test_of_a_clip_whose_motion_is_hidden_no_text_is_asked(tune: Tune) -> None:
    _, history = tune(**dropout(motion=1.0))
    assert history[0].text == 0
    assert history[0].emotion > 0


def test_a_clip_of_which_all_would_be_hidden_is_seen_whole(tune: Tune) -> None:
    _, history = tune(**dropout(**dict.fromkeys(TOKENS, 1.0)))
    assert history[0].text > 0


def test_an_expert_that_saw_nothing_of_a_clip_does_not_spoil_the_others(tune: Tune) -> None:
    seen = vectors()
    seen["texture"][3] = np.nan
    model, history = tune(seen=seen)
    assert all(np.isfinite(history[-1]))
    assert torch.isfinite(moved(model)).all()


def test_units_nobody_labelled_cost_nothing(tune: Tune) -> None:
    _, history = tune(examples(labelled=False))
    assert [epoch.units for epoch in history] == [0, 0]


logits = st.lists(st.floats(-6, 6), min_size=1, max_size=5).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)


@given(logits, st.booleans())
def test_without_asymmetry_the_loss_is_binary_cross_entropy(logits: torch.Tensor, shown: bool) -> None:
    truth = torch.full_like(logits, float(shown))
    expected = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    torch.testing.assert_close(losses.asymmetric(logits, truth, 0.0, 0.0), expected, rtol=1e-4, atol=1e-6)


def test_the_asymmetric_loss_is_the_papers() -> None:
    """Equation 7 by hand: p = 0.6, margin 0.1, exponent 2: (0.5)² · −log(1 − 0.5), and −log 0.6 for a shown unit."""
    logit = torch.logit(torch.tensor([0.6, 0.6]))
    found = losses.asymmetric(logit, torch.tensor([0.0, 1.0]), 2.0, 0.1)
    assert found.tolist() == pytest.approx([0.25 * -np.log(0.5), -np.log(0.6)], rel=1e-5)


@given(st.floats(0, 3), st.floats(0, 0.3), st.floats(0.01, 0.95))
def test_an_absent_unit_costs_what_its_probability_has_above_the_margin(
    gamma_negative: float, margin: float, p: float
) -> None:
    absent = losses.asymmetric(torch.logit(torch.tensor([p])), torch.zeros(1), gamma_negative, margin).item()
    excess = max(0.0, p - margin)
    assert absent == pytest.approx(excess**gamma_negative * -np.log1p(-excess), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("gamma_negative", [0.0, 1.0, 2.0])
def test_an_even_unit_is_where_the_loss_drives_what_is_as_likely_as_not(gamma_negative: float) -> None:
    truth = losses.Targets(torch.zeros(1), torch.zeros(1), torch.zeros(1), torch.zeros(1), torch.tensor([1.0, 5.0]))
    found = losses.au_thresholds(truth, gamma_negative, 0.0)
    settled = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.Adam([settled], lr=0.05)
    for _ in range(800):
        shown = truth.unit_weights * losses.asymmetric(settled, torch.ones(2), gamma_negative, 0.0)
        loss = (shown + losses.asymmetric(settled, torch.zeros(2), gamma_negative, 0.0)).sum()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    torch.testing.assert_close(found, settled.detach(), atol=0.02, rtol=0)
    assert found[1] > found[0]


def test_classes_count_alike_however_often_they_are_shown() -> None:
    faces = [Example(emotion, None, [], "") for emotion in ("disgust", *["happiness"] * 3)]
    weights = losses.targets(faces, config({}), torch.device("cpu")).class_weights
    assert weights.tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])


def test_views_that_say_the_same_are_alike_and_others_are_not() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(400, 2, 6, generator=rng) for _ in range(2))
    assert losses.decorrelation({"a": one, "b": 3 * one + 1}).item() == pytest.approx(1, abs=1e-5)
    assert losses.decorrelation({"a": one, "b": other}).item() < 0.05
    assert losses.decorrelation({"a": one}).item() == 0
    assert losses.decorrelation({"a": one.to("meta")}).device.type == "meta"


PEOPLE = ["a", "b", "c", "d"] * 2  # of eight examples, whose classes alternate: each person shows one


def test_an_epoch_is_scored_on_one_who_is_not_learned_from(tuned: Callable[..., Any]) -> None:
    """A head that is made to name one class, whatever it sees, is right of one person or wrong."""
    seen, learned = vectors(), list[int]()

    @contextmanager
    def watched(
        some: Sequence[Example], views: dict[str, Any], *, watch: Callable[[Deft], None], **more: Any
    ) -> Iterator[Any]:
        learned.extend(np.flatnonzero((seen["structure"] == view).all((1, 2))).item() for view in views["structure"])
        assert some == [examples()[at] for at in learned]
        with tuned(some, views, **more) as (model, history):
            for emotion in EMOTIONS:
                with torch.no_grad():
                    model.emotion_head.bias.copy_(torch.tensor([99.0 * (name == emotion) for name in EMOTIONS]))
                watch(model)
            yield model, history

    scores = selection.validation_scores(watched, examples(), seen, PEOPLE, 0.25, 1)
    (held_out,) = set(PEOPLE) - {PEOPLE[at] for at in learned}
    assert len(learned) == 6
    shown = examples()[PEOPLE.index(held_out)].emotion
    assert scores == [float(emotion == shown) for emotion in EMOTIONS]


def test_an_expert_that_sees_nobody_on_the_learning_side_has_no_say(tuned: Callable[..., Any]) -> None:
    asked = [at for at, who in enumerate(PEOPLE) if who == "d"]

    def heads(texture: float) -> list[torch.Tensor]:
        """The emotion head's logits on the held-out person after each epoch, texture seeing this of them alone."""
        seen, found = vectors(), list[torch.Tensor]()
        seen["texture"][:] = np.nan
        seen["texture"][asked] = texture
        held_out = {name: view[asked] for name, view in seen.items()}

        def watched(
            some: Sequence[Example], views: dict[str, Any], *, watch: Callable[[Deft], None], **more: Any
        ) -> Any:
            assert np.isnan(views["texture"]).all()

            def watch_both(model: Deft) -> None:
                watch(model)
                with torch.no_grad():
                    found.append(model.encode_prompt(model.project(model.reduce(held_out)), None).emotion)

            return tuned(some, views, watch=watch_both, **more)

        assert len(selection.validation_scores(watched, examples(), seen, PEOPLE, 0.25, 1)) == len(found) == 2
        return found

    for one, other in zip(heads(1.0), heads(-5.0), strict=True):
        assert torch.equal(one, other)
        assert one.any()


def test_one_training_subject_is_too_few_to_choose_on(tuned: Callable[..., Any]) -> None:
    with pytest.raises(
        DataError, match=r"finetune\.validation_share: found one training subject, expected two or more"
    ):
        selection.validation_scores(tuned, examples(), vectors(), ["a"] * 8, 0.25, 1)


def test_answers_hold_what_the_grammar_allows_and_both_verdicts(
    tune: Tune, words_of_pages: PreTrainedTokenizerFast
) -> None:
    model, _ = tune(epochs=6)
    given_ = decoding.answer(model, vectors(5))
    assert len(given_) == 5
    for each in given_:
        told = triple.parse(each.text)
        assert told is not None
        assert told.emotion in EMOTIONS
        assert sum(each.emotions) == pytest.approx(1, abs=1e-5)


def test_no_text_names_a_unit_that_the_motion_prior_does_not_see(tune: Tune) -> None:
    field = np.random.default_rng(1).normal(0, 1, (8, 1, 4)).astype(np.float32)
    model, _ = tune(seen=vectors() | {"field": field})
    model.au_thresholds.fill_(-np.inf)  # whatever the head says
    field = np.array([[[1, -1, 0, 0]], [[-1, 1, 0, 0]], [4 * [np.nan]]], np.float32)
    views = vectors(3) | {"field": field}
    prompt = decoding.encode(model, views)
    assert decoding.likely_units(model, prompt, views) == [[4], [12], [4, 12]]
    assert decoding.likely_units(model, prompt, vectors(3)) == 3 * [[4, 12]]


def test_seeds_are_tuned_apart_and_decide_by_their_mean(tune: Tune) -> None:
    model, history = tune(seeds=3)
    alone, history_alone = tune()
    answers = decoding.answer(model, vectors(2))
    others, model.others = model.others, []
    emotions = torch.stack([decoding.encode(each, vectors(2)).emotion.softmax(-1) for each in (model, *others)])
    assert len({tuple(each.flatten().tolist()) for each in emotions}) == 3
    for answer, mean in zip(answers, emotions.mean(0), strict=True):
        assert answer.emotions == pytest.approx(mean.tolist(), abs=1e-5)
    assert history == history_alone
    assert all(torch.equal(value, alone.own_state()[name]) for name, value in model.own_state().items())


def test_clips_answered_together_are_answered_as_alone(tune: Tune, words_of_pages: PreTrainedTokenizerFast) -> None:
    model, _ = tune(epochs=6)
    together = decoding.answer(model, vectors(5))
    assert len(together) == 5
    for at, each in enumerate(together):
        alone = {name: view[at : at + 1] for name, view in vectors(5).items()}
        (same,) = decoding.answer(model, alone)
        assert same.text == each.text
        assert same.emotions == pytest.approx(each.emotions, abs=1e-5)


def test_the_likelihood_of_a_class_is_that_of_the_answer_read_anew(
    tune: Tune, words_of_pages: PreTrainedTokenizerFast
) -> None:
    """Branches behind what was kept, or every answer from its beginning: classes differ by the same."""
    model, _ = tune(epochs=4)
    seen = model.project(model.reduce(vectors(5)))
    with torch.no_grad():
        prompt = model.encode_prompt(seen, None)
        groups = list(decoding.generate(model, prompt, 5 * [[4, 12]]))
        assert len({len(tokens) for group in groups for tokens in group.tokens}) > 1
        assert sorted(clip for group in groups for clip in group.clips) == list(range(5))
        for clips, said, cache in groups:
            texts = words_of_pages.batch_decode(said)
            endings = [[triple.concluded(text, emotion) for emotion in EMOTIONS] for text in texts]
            found = likelihood.class_log_likelihoods(model, prompt.embedded.shape[1], said, cache, texts, endings)
            for at, row in enumerate(clips):
                alone, whole = {name: view[row : row + 1] for name, view in seen.items()}, []
                for text in endings[at]:
                    end = words_of_pages.encode(text.partition(".\nCategory")[0].removeprefix(texts[at]))
                    ids = torch.tensor([[*said[at], *end]])
                    predicted = model(alone, None, ids, torch.ones_like(ids, dtype=torch.bool)).text.log_softmax(-1)
                    whole.append(predicted.gather(-1, ids[..., None]).sum())
                assert (found[at, 0] - found[at, 1]).item() == pytest.approx((whole[0] - whole[1]).item(), abs=1e-3)


@pytest.mark.parametrize("left", [["motion"], ["structure"], ["motion", "texture"]])
def test_any_experts_can_be_missing_when_asked(
    tune: Tune, words_of_pages: PreTrainedTokenizerFast, left: list[str]
) -> None:
    model, _ = tune()
    some = {name: view for name, view in vectors(3).items() if name in left}
    given_ = decoding.answer(model, some)
    assert [triple.parse(each.text) is not None for each in given_] == [True] * 3
    hidden = decoding.classes_without(model, some)
    assert [set(each) for each in hidden] == 3 * [set(left) if len(left) > 1 else set()]


def test_an_expert_that_is_not_given_is_an_expert_that_saw_nothing(
    tune: Tune, words_of_pages: PreTrainedTokenizerFast
) -> None:
    model, _ = tune()
    blind = vectors(3)
    missing = {name: view for name, view in blind.items() if name != "texture"}
    blind["texture"] = np.full_like(blind["texture"], np.nan)
    one, other, whole = (decoding.answer(model, seen) for seen in (blind, missing, vectors(3)))
    assert [each.emotions for each in one] == [each.emotions for each in other]
    assert [each.emotions for each in one] != [each.emotions for each in whole]
    assert [each.text for each in one] == [each.text for each in other]
