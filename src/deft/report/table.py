"""Write the tables of the README, from ``metrics/`` and ``bench/results.json``.

Run: ``python -m deft.report.table README.md metrics bench/results.json``
"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deft.core import tables

RESULTS, EXPERTS, ABLATIONS, BENCH = "results", "experts", "ablations", "bench"
NAMES = {
    "mdmo_svm": "MDMO + SVM",
    "three_streams": "three-stream CNN",
    "lbp_top_svm": "LBP-TOP + SVM",
    "majority": "majority class",
}


def markdown(loso: Mapping[str, Any], baselines: Mapping[str, Any], stages: Mapping[str, Any]) -> str:
    """Return the table of emotion scores, with paragraphs on the text, the control, and errors against truth."""
    lines = ["| | UF1 | UAR | accuracy | weighted F1 | *UF1, mean of folds* |", "|---|---|---|---|---|---|"]
    rows = {"**DEFT, head**": loso["emotion"], "**DEFT, generated text**": loso["generated"]}
    rows |= {name: baselines[key]["emotion"] for key, name in NAMES.items() if key in baselines}
    lines += [
        f"| {name} | {' | '.join(_cell(scores, key) for key in ('uf1', 'uar', 'acc', 'wf1'))} "
        f"| *{scores['fold_mean']['uf1']:.3f}* |"
        for name, scores in rows.items()
    ]
    text, flow, verify = loso["text"], stages["flow"]["rendered"], stages["verify"]["rendered"]
    landmarks = stages["landmarks"]["rendered"]
    lines += [
        "",
        f"Text: {text['parsed']:.1%} of answers parse, {text['agreement']:.1%} name the head's class, evidence F1 "
        f"{_cell(text, 'evidence_f1')}, {text['unsupported_au_rate']:.1%} of the units in rationales lack support in "
        f"the motion, {text['contradictions']:.1%} of the moving regions named have the opposite direction, "
        f"{text['follows']:.1%} of the classes follow from the units named; BLEU {text['bleu']:.1f} and ROUGE-1 "
        f"{text['rouge1']:.3f} against the text written from the clip. Action Units (head, against the sheet): F1 "
        f"{_cell(loso['au'], 'f1')}. Calibration of the head: ECE {_cell(loso['emotion'], 'ece')}.",
        "",
        *([_control(loso["shuffled"]), ""] if "shuffled" in loso else []),
        f"Against truth: landmarks {landmarks['error_iod']:.1%} of the eye distance; flow {flow['epe_median_px']:.3f} "
        f"px median endpoint error in the regions (crop), {flow['head_removed']:.1%} of the head's motion removed; "
        f"Action Unit verdicts AUC {verify['auc']:.3f}.",
        "",
    ]
    return "\n".join(lines)


def _control(scores: Mapping[str, float]) -> str:
    return (
        f"Control: with the motion of another clip of the fold, the head's class changes in "
        f"{scores['emotion_changed']:.1%} of the clips, the text's class in {scores['generated_changed']:.1%} and its "
        f"evidence in {scores['evidence_changed']:.1%}. UF1 is then {_cell(scores, 'emotion_uf1')} (head) and "
        f"{_cell(scores, 'generated_uf1')} (text); evidence F1 is {_cell(scores, 'evidence_f1')} against the clip's "
        f"own motion and {_cell(scores, 'donor_evidence_f1')} against the motion shown."
    )


def experts(metrics: Mapping[str, Any]) -> str:
    """Return the table of the experts: the UF1 of each alone, and the UF1 lost without it."""
    lines = ["| expert | UF1 of a linear probe of its tokens alone | UF1 lost when it is hidden |", "|---|---|---|"]
    for name, scores in metrics.items():
        if name != "rule":
            drop = _cell(scores["drop"], "uf1") if scores["drop"] else "–"
            lines.append(f"| {name} | {_cell(scores['probe'], 'uf1')} | {drop} |")
    return "\n".join([*lines, ""])


def ablations(metrics: Mapping[str, Any]) -> str:
    """Return the table of ablations: the main figures after one change each, the default first."""
    lines = [
        "| | UF1, head | UF1, text | AU F1 | evidence F1 | unsupported units | head and text agree |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted(metrics, key=lambda name: (name != "default", name.lower())):
        scores = metrics[name]
        title = "<br>".join([f"**{name}**", *(f"`-S {shlex.quote(change)}`" for change in scores["set"])])
        cells = [
            title,
            _cell(scores["head"], "uf1"),
            _cell(scores["text"], "uf1"),
            f"{scores['units']['f1']:.3f}",
            f"{scores['evidence_f1']:.3f}",
            f"{scores['unsupported_au_rate']:.1%}",
            f"{scores['agreement']:.1%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(scores: Mapping[str, float], key: str) -> str:
    """Return a figure with its 95 % interval."""
    return f"{scores[key]:.3f} [{scores[f'{key}_low']:.3f},\N{NO-BREAK SPACE}{scores[f'{key}_high']:.3f}]"


def bench(results: Mapping[str, Any]) -> str:
    """Return the tables of the bench: the motion core against its peers, head motion, and a paragraph on each stage."""
    solver, verdicts, stages = results["solver"], results["verdicts"], results["stages"]
    sheets, tuning = results["sheets"], results["tuning"]
    solvers = sorted(solver["solvers"].items(), key=lambda item: item[1]["error_px"])
    shifts = list(results["compensation"])
    lines = [
        f"| 256 × 256, one thread, {solver['pairs']} pairs | ms per pair | mean endpoint error, px |",
        "|---|---|---|",
        *(f"| {_bold(name)} | {scores['ms']:.1f} | {scores['error_px']:.3f} |" for name, scores in solvers),
        "",
        f"`flow_sequence`, warm-started in time: {solver['sequence_frames_per_s']:.0f} frames per second on one core. "
        f"`crop`, `landmarks`, `flow` and `verify` together: {stages['clips_per_s']:.1f} clips per second "
        f"({stages['frames']} frames of 640 × 480 each, two cores).",
        "",
        "| head motion left in still regions, crop px, median, at a shift of | "
        + " | ".join(f"{shift} px" for shift in shifts)
        + " |",
        "|---|" + "---|" * len(shifts),
        *(f"| {_bold(name)} | {' | '.join(f'{left:.3f}' for left in row)} |" for name, row in _head_left(results)),
        "",
        f"Verdicts on {verdicts['clips']} rendered clips: AUC {verdicts['auc_from_1_px']:.3f} for units that move by "
        f"1 px and more, {verdicts['auc_half_to_1_px']:.3f} from 0.5 to 1 px; wrong labels found with precision "
        f"{verdicts['wrong_precision']:.2f} and recall {verdicts['wrong_recall']:.2f} from 1 px on.",
        "",
        f"`index`: {sheets['rows']:,} rows of a label sheet and {sheets['frames']:,} frames in "
        f"{sheets['seconds']:.1f} s.",
        "",
        _events(results["events"]),
        "",
        f"Tuning the small Llama: {tuning['tokens_per_s']['ours']:,} tokens per second on {tuning['cores']} cores, "
        f"{tuning['tuning_ratio']:.2f} × transformers' Trainer with PEFT and padding. Structured generation: "
        f"{tuning['clips_per_s']['ours']:.0f} clips per second, {tuning['generation_ratio']:.0f} × `generate` clip by "
        "clip.",
        "",
    ]
    return "\n".join(lines)


def _events(scores: Mapping[str, Any]) -> str:
    short, long = scores["predict"]
    return (
        f"Events in {scores['films']} videos of {scores['seconds']:.0f} s with {scores['expressions']} "
        f"micro-expressions and {scores['blinks']} blinks, at an overlap of 0.5 with the true ones: F1 "
        f"{scores['f1']:.3f} (precision {scores['precision']:.3f}, recall {scores['recall']:.3f}). `deft predict` "
        f"takes {short['s_per_s']:.2f} s per second of video (640 × 480, 30 frames per second, start included) and "
        f"{short['peak_mib']} MiB; for a video four times as long {long['s_per_s']:.2f} s and {long['peak_mib']} MiB."
    )


def _head_left(results: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """Return the motion that each method leaves at each shift, in px; the best method at the largest shift first."""
    shifts = list(results["compensation"].values())
    left = {name: [methods[name]["left_px"] for methods in shifts] for name in shifts[0]}
    return sorted(left.items(), key=lambda item: item[1][-1])


def _bold(name: str) -> str:
    return f"**{name}**" if name == "deft" else name


def put(page: str, name: str, table: str) -> str:
    """Return the page with the table between the two marks of a name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.split(begin)
    return before + begin + "\n" + table + "\n" + end + rest.split(end)[1]


def from_metrics(folder: Path) -> str:
    """Return `markdown` from a folder of metrics."""
    names = ("loso", "baselines", "flow", "verify", "landmarks")
    metrics = {name: tables.read_json(folder / f"{name}.json") for name in names}
    return markdown(metrics["loso"], metrics["baselines"], metrics)


def written(name: str, folder: Path, results: Path) -> str:
    """Return the table of a name, from a folder of metrics and the results of the bench."""
    if name == RESULTS:
        return from_metrics(folder)
    if name == BENCH:
        return bench(tables.read_json(results))
    metrics = tables.read_json(folder / f"{name}.json")
    return experts(metrics) if name == EXPERTS else ablations(metrics)


def main(page: Path, folder: Path, results: Path) -> None:
    """Write every table whose marks the page has."""
    text = page.read_text(encoding="utf-8")
    for name in (RESULTS, EXPERTS, ABLATIONS, BENCH):
        if f"<!-- {name} -->" in text:
            text = put(text, name, written(name, folder, results))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
