"""Words against motion, and against the text written from it: does an answer name what was measured, and argue from
nothing else?

Each function takes something of every clip and returns a figure (`deft.score.metrics`), pooled over clips.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deft.facs import emotions, words
from deft.facs.codes import parse
from deft.facs.units import UNITS
from deft.language import triple
from deft.score.metrics import Floats, Ratio, Score

Sight = Mapping[str, Any]  # region, direction, level, timing

_NAMED = re.compile(r"[RL]?\d+(?= (?:" + "|".join(sorted((unit.name for unit in UNITS.values()), key=len)) + "))")


def evidence_f1(said: Sequence[Iterable[Sight]], measured: Sequence[Iterable[Sight]]) -> Ratio:
    """F1 of (region, direction) pairs, said against measured; 1 where neither holds any."""
    sides = [(pairs(a), pairs(b)) for a, b in zip(said, measured, strict=True)]
    return Ratio([2 * len(a & b) for a, b in sides], [len(a) + len(b) for a, b in sides], empty=1.0)


def unsupported(rationales: Sequence[str], supported: Sequence[Iterable[int]]) -> Ratio:
    """The share of units named in rationales that the clip's motion does not support."""
    named = [{code.unit for text in _NAMED.findall(rationale) for code in parse(text)} for rationale in rationales]
    return Ratio([len(a - set(b)) for a, b in zip(named, supported, strict=True)], [len(a) for a in named])


def contradictions(said: Sequence[Iterable[Sight]], seen: Sequence[Iterable[str]]) -> Ratio:
    """Of the regions that answers name and that do move, the share told to go against what was measured.

    That is up against down, out against in (on the midline left against right) or opening against closing: ``up and
    out`` contradicts ``down and out``, but not ``out``. ``seen`` is what every region shows, a phrase each. An answer
    cannot contradict itself: its grammar lets it name a region once, and argue from regions as it named them.
    """
    found = []
    for some, phrases in zip(said, seen, strict=True):
        moving = {sight.region: sight.direction for sight in triple.moving(phrases)}
        found.append([_against(s["direction"], moving[s["region"]]) for s in some if s["region"] in moving])
    return Ratio([sum(each) for each in found], [len(each) for each in found])


def follows(classes: Sequence[str], aus: Sequence[Iterable[str]]) -> Ratio:
    """Of the answers that name a unit, the share whose class is one that the units named speak for.

    By the FACS tables (`deft.facs.emotions.spoken_for`); a class that they lack, as CASME's ``tense``, never follows.
    """
    named = [{code.unit for text in codes for code in parse(text)} for codes in aus]
    held = [bool(some) and name in emotions.spoken_for(some) for name, some in zip(classes, named, strict=True)]
    return Ratio(held, [bool(some) for some in named])


def bleu(texts: Sequence[str], targets: Sequence[str]) -> Score:
    """``bleu``: 0 to 100, of answers against the texts written from their clips (Papineni et al. 2002).

    One score over all clips' n-grams, by sacrebleu (Post 2018) with its own tokens and smoothing.
    """
    from sacrebleu.metrics import BLEU  # here, since only the stage that scores needs it

    measure = BLEU()
    each = [measure.corpus_score([text], [[target]]) for text, target in zip(texts, targets, strict=True)]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in each], float)
    most = measure.max_ngram_order

    def score(weights: Floats) -> dict[str, Floats]:
        sums = (weights @ counts).astype(int).tolist()
        found = [
            BLEU.compute_bleu(row[:most], row[most : 2 * most], *row[-2:], smooth_method=measure.smooth_method).score
            for row in sums
        ]
        return {"bleu": np.array(found)}

    return score


def rouge1(texts: Sequence[str], targets: Sequence[str]) -> Ratio:
    """Mean over clips of the F1 of an answer's words against those of the text written from its clip (Lin 2004)."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"])
    scores = [scorer.score(target, text)["rouge1"].fmeasure for text, target in zip(texts, targets, strict=True)]
    return Ratio(scores, [1.0 for _ in scores])


def pairs(sights: Iterable[Sight]) -> set[tuple[str, str]]:
    """The (region, direction) of each."""
    return {(sight["region"], sight["direction"]) for sight in sights}


def _against(one: str, other: str) -> bool:
    return any(round(a) * round(b) < 0 for a, b in zip(words.motion(one), words.motion(other), strict=True))
