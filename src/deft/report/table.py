"""Tables of README.md and docs/results.md, from ``metrics/`` and ``bench/results.json``.

A table stands between the marks ``<!-- NAME -->`` and ``<!-- /NAME -->``.
Run: ``python -m deft.report.table PAGE metrics bench/results.json``
"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deft.core import tables
from deft.report import bench_tables
from deft.report.cells import interval

RESULTS, TEXT, EXPERTS, ABLATIONS = "results", "words", "experts", "ablations"
MEASURED = {"bench": bench_tables.bench, "spotting": bench_tables.spotting, "footage": bench_tables.footage}
BASELINES = {
    "mdmo_svm": "MDMO + SVM",
    "field_svm": "flow field + SVM",
    "prior_svm": "flow field, motion prior + SVM",
    "three_streams": "three-stream CNN",
    "lbp_top_svm": "LBP-TOP + SVM",
    "majority": "majority class",
}


def results(loso: Mapping[str, Any], baselines: Mapping[str, Any]) -> str:
    """Return the table of emotion scores: one row each for the head, the text and every baseline."""
    lines = ["| | UF1 | UAR | accuracy | weighted F1 | *UF1, mean of folds* |", "|---|---|---|---|---|---|"]
    rows = {"**DEFT, head**": loso["emotion"], "**DEFT, generated text**": loso["generated"]}
    rows |= {name: baselines[key]["emotion"] for key, name in BASELINES.items() if key in baselines}
    lines += [
        f"| {name} | {' | '.join(interval(scores, key) for key in ('uf1', 'uar', 'acc', 'wf1'))} "
        f"| *{scores['fold_mean']['uf1']:.3f}* |"
        for name, scores in rows.items()
    ]
    return "\n".join([*lines, ""])


def text_and_measurement(loso: Mapping[str, Any], stages: Mapping[str, Any]) -> str:
    """Return the tables of the generated text, of the control with shuffled motion, and of errors against truth."""
    text = loso["text"]
    landmarks, flow, verify = (stages[name]["rendered"] for name in ("landmarks", "flow", "verify"))
    answers = {
        "answers that parse": f"{text['parsed']:.1%}",
        "answers that name the class of the classifier head": f"{text['agreement']:.1%}",
        "evidence F1": interval(text, "evidence_f1"),
        "units in rationales that the motion does not support": f"{text['unsupported_au_rate']:.1%}",
        "regions named that move the opposite way": f"{text['contradictions']:.1%}",
        "classes that the units named imply": f"{text['follows']:.1%}",
        "BLEU against the text written from the clip": f"{text['bleu']:.1f}",
        "ROUGE-1 against the text written from the clip": f"{text['rouge1']:.3f}",
        "Action Unit F1 of the unit head, against the label sheet": interval(loso["au"], "f1"),
        "expected calibration error of the classifier head": interval(loso["emotion"], "ece"),
    }
    truth = {
        "landmarks, mean error": f"{landmarks['error_iod']:.1%} of the eye distance",
        "flow, median endpoint error in the regions": f"{flow['epe_median_px']:.3f} px of the crop",
        "head motion removed": f"{flow['head_removed']:.1%}",
        "verdicts on Action Units, AUC": f"{verify['auc']:.3f}",
    }
    return "\n".join(
        [
            *_two_columns("answers", answers),
            "",
            *([*_control(loso["shuffled"]), ""] if "shuffled" in loso else []),
            *_two_columns("measurement, against the rendered truth", truth),
            "",
        ]
    )


def _two_columns(title: str, figures: Mapping[str, str]) -> list[str]:
    return [f"| {title} | |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in figures.items())]


def _control(scores: Mapping[str, float]) -> list[str]:
    changed, uf1 = (
        (f"{scores['emotion_changed']:.1%}", f"{scores['generated_changed']:.1%}"),
        (interval(scores, "emotion_uf1"), interval(scores, "generated_uf1")),
    )
    return [
        "| with the motion of another clip | head | text |",
        "|---|---|---|",
        f"| classes that change | {' | '.join(changed)} |",
        f"| UF1 against the clip's own label | {' | '.join(uf1)} |",
        f"| evidence that changes | – | {scores['evidence_changed']:.1%} |",
        f"| evidence F1 against the clip's own motion | – | {interval(scores, 'evidence_f1')} |",
        f"| evidence F1 against the motion given | – | {interval(scores, 'donor_evidence_f1')} |",
    ]


def experts(metrics: Mapping[str, Any]) -> str:
    """Return the table of experts: the UF1 of each one's linear probe, and the UF1 lost when it is hidden."""
    lines = ["| expert | UF1 of a linear probe of its tokens | UF1 lost when it is hidden |", "|---|---|---|"]
    lines += [
        f"| {name} | {interval(row['probe'], 'uf1')} | {interval(row['drop'], 'uf1') if row['drop'] else '–'} |"
        for name, row in metrics.items()
        if name != "rule"
    ]
    return "\n".join([*lines, ""])


def ablations(metrics: Mapping[str, Any]) -> str:
    """Return the table of ablations: the main figures of each experiment, the default first."""
    lines = [
        "| | UF1, head | UF1, text | AU F1 | evidence F1 | unsupported units | head and text agree |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted(metrics, key=lambda name: (name != "default", name.lower())):
        scores = metrics[name]
        title = "<br>".join([f"**{name}**", *(f"`-S {shlex.quote(change)}`" for change in scores["set"])])
        cells = [title, *(interval(scores[answer], "uf1") for answer in ("head", "text"))]
        cells += [f"{scores['units']['f1']:.3f}", f"{scores['evidence_f1']:.3f}"]
        cells += [f"{scores['unsupported_au_rate']:.1%}", f"{scores['agreement']:.1%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def put(page: str, name: str, table: str) -> str:
    """Return the page with the table between the two marks of this name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.split(begin)
    return before + begin + "\n" + table + "\n" + end + rest.split(end)[1]


def written(name: str, folder: Path, results_file: Path) -> str:
    """Return the table of this name, from a folder of metrics and the bench's results."""
    if name in MEASURED:
        return MEASURED[name](tables.read_json(results_file))
    if name in (EXPERTS, ABLATIONS):
        return {EXPERTS: experts, ABLATIONS: ablations}[name](tables.read_json(folder / f"{name}.json"))
    loso = tables.read_json(folder / "loso.json")
    if name == RESULTS:
        return results(loso, tables.read_json(folder / "baselines.json"))
    return text_and_measurement(
        loso, {stage: tables.read_json(folder / f"{stage}.json") for stage in ("landmarks", "flow", "verify")}
    )


def main(page: Path, folder: Path, results_file: Path) -> None:
    """Write into a page every table for which it has marks."""
    text = page.read_text(encoding="utf-8")
    for name in (RESULTS, TEXT, EXPERTS, ABLATIONS, *MEASURED):
        if f"<!-- {name} -->" in text:
            text = put(text, name, written(name, folder, results_file))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
