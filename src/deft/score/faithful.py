"""Faithfulness of generated text: whether an answer names what was measured, and argues from that alone.

Each function takes one value per clip and returns a score that is pooled over clips (`deft.score.metrics`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deft.facs import emotions, words
from deft.facs.grammar import parse
from deft.facs.units import UNITS
from deft.language import triple
from deft.score.metrics import Floats, Ratio, Score

Sight = Mapping[str, Any]  # region, direction, level, timing

_NAMED = re.compile(r"[RL]?\d+(?= (?:" + "|".join(sorted((unit.name for unit in UNITS.values()), key=len)) + "))")


def evidence_f1(answered: Sequence[Iterable[Sight]], measured: Sequence[Iterable[Sight]]) -> Ratio:
    """Score F1 of (region, direction) pairs, answered against measured; 1 where neither side holds any."""
    sides = [(pairs(one), pairs(other)) for one, other in zip(answered, measured, strict=True)]
    common = [2 * len(one & other) for one, other in sides]
    total = [len(one) + len(other) for one, other in sides]
    return Ratio(common, total, empty=1.0)


def unsupported(rationales: Sequence[str], supported: Sequence[Iterable[int]]) -> Ratio:
    """Score the share of units named in rationales that the clip's motion does not support."""
    named = [{code.unit for text in _NAMED.findall(rationale) for code in parse(text)} for rationale in rationales]
    lacking = [len(units - set(moving)) for units, moving in zip(named, supported, strict=True)]
    return Ratio(lacking, [len(units) for units in named])


def contradictions(answered: Sequence[Iterable[Sight]], phrases: Sequence[Iterable[str]]) -> Ratio:
    """Score the share of moving regions in answers that are named with the opposite direction.

    ``phrases`` say what was measured in each clip, one phrase per region. Opposite are up and down, out and in (on the
    midline left and right), opening and closing: ``up and out`` contradicts ``down and out``, but not ``out``. Answers
    cannot contradict themselves, since their grammar lets them name a region only once.
    """
    opposite, named = [], []
    for sights, clip_phrases in zip(answered, phrases, strict=True):
        measured = {sight.region: sight.direction for sight in triple.moving(clip_phrases)}
        moving = [sight for sight in sights if sight["region"] in measured]
        opposite.append(sum(_opposite(sight["direction"], measured[sight["region"]]) for sight in moving))
        named.append(len(moving))
    return Ratio(opposite, named)


def follows(classes: Sequence[str], aus: Sequence[Iterable[str]]) -> Ratio:
    """Score the share of answers with a unit whose class is one that the named units speak for.

    The FACS tables decide (`deft.facs.emotions.spoken_for`). A class that the tables lack, such as CASME's ``tense``,
    never follows.
    """
    named = [{code.unit for text in codes for code in parse(text)} for codes in aus]
    following = [
        bool(units) and emotion in emotions.spoken_for(units) for emotion, units in zip(classes, named, strict=True)
    ]
    return Ratio(following, [bool(units) for units in named])


def bleu(texts: Sequence[str], targets: Sequence[str]) -> Score:
    """Score ``bleu``, 0 to 100, of answers against the texts written from their clips (Papineni et al. 2002).

    BLEU is computed once over the n-grams of all clips, by sacrebleu (Post 2018) with its own tokens and smoothing.
    """
    from sacrebleu.metrics import BLEU  # here, since only the stage that scores needs it

    measure = BLEU()
    order = measure.max_ngram_order
    by_clip = [measure.corpus_score([text], [[target]]) for text, target in zip(texts, targets, strict=True)]
    counts = np.array(
        [[*clip.counts, *clip.totals, clip.sys_len, clip.ref_len] for clip in by_clip], float
    )  # (clips, 2·order + 2)

    def score(weights: Floats) -> dict[str, Floats]:
        scores = []
        for sums in (weights @ counts).astype(int).tolist():
            correct, total, (length, target_length) = sums[:order], sums[order : 2 * order], sums[-2:]
            corpus = BLEU.compute_bleu(correct, total, length, target_length, smooth_method=measure.smooth_method)
            scores.append(corpus.score)
        return {"bleu": np.array(scores)}

    return score


def rouge1(texts: Sequence[str], targets: Sequence[str]) -> Ratio:
    """Score the mean F1 of the words of an answer against those of the text written from its clip (Lin 2004)."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"])
    scores = [scorer.score(target, text)["rouge1"].fmeasure for text, target in zip(texts, targets, strict=True)]
    return Ratio(scores, [1.0 for _ in scores])


def pairs(sights: Iterable[Sight]) -> set[tuple[str, str]]:
    """Return the (region, direction) pairs of sights."""
    return {(sight["region"], sight["direction"]) for sight in sights}


def _opposite(one: str, other: str) -> bool:
    return any(round(a) * round(b) < 0 for a, b in zip(words.motion(one), words.motion(other), strict=True))
