"""The README's figures, from ``metrics/`` and ``bench/results.json``.

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
    """The table of emotions, a line each on words, calibration and control, and on what was measured against truth."""
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
        f"Words: {text['parsed']:.1%} of answers parse, {text['agreement']:.1%} name the head's class, evidence F1 "
        f"{_cell(text, 'evidence_f1')}, {text['unsupported_au_rate']:.1%} of the units in rationales lack support in "
        f"the motion, {text['contradictions']:.1%} of the regions named are told against the way they move, "
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


def _control(found: Mapping[str, float]) -> str:
    return (
        f"Control: shown the motion of another clip of its fold, the head changes {found['emotion_changed']:.1%} of "
        f"its classes, the text {found['generated_changed']:.1%} of its and {found['evidence_changed']:.1%} of its "
        f"evidence; UF1 is then {_cell(found, 'emotion_uf1')} and {_cell(found, 'generated_uf1')}, evidence F1 is "
        f"{_cell(found, 'evidence_f1')} against the clip's own motion and {_cell(found, 'donor_evidence_f1')} against "
        "the motion shown."
    )


def experts(found: Mapping[str, Any]) -> str:
    """What each expert says alone, and what is lost without it."""
    lines = ["| expert | UF1 of a line through its tokens alone | UF1 lost when it is hidden |", "|---|---|---|"]
    lines += [
        f"| {name} | {_cell(each['probe'], 'uf1')} | {_cell(each['drop'], 'uf1') if each['drop'] else '–'} |"
        for name, each in found.items()
        if name != "rule"
    ]
    return "\n".join([*lines, ""])


def ablations(found: Mapping[str, Any]) -> str:
    """What becomes of the main figures when one thing is changed, the default first."""
    lines = [
        "| | UF1, head | UF1, text | AU F1 | evidence F1 | unsupported units | head and text agree |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted(found, key=lambda name: (name != "default", name.lower())):
        each = found[name]
        title = "<br>".join([f"**{name}**", *(f"`-S {shlex.quote(change)}`" for change in each["set"])])
        classes = [_cell(each[who], "uf1") for who in ("head", "text")]
        words = [f"{each['units']['f1']:.3f}", f"{each['evidence_f1']:.3f}"]
        words += [f"{each['unsupported_au_rate']:.1%}", f"{each['agreement']:.1%}"]
        lines.append(f"| {' | '.join([title, *classes, *words])} |")
    return "\n".join([*lines, ""])


def _cell(scores: Mapping[str, float], key: str) -> str:
    return f"{scores[key]:.3f} [{scores[f'{key}_low']:.3f},\N{NO-BREAK SPACE}{scores[f'{key}_high']:.3f}]"


def bench(found: Mapping[str, Any]) -> str:
    """The motion core against its peers, and a line each on head motion, verdicts and stages."""
    names = ("solver", "verdicts", "stages", "sheets", "tuning")
    solver, verdicts, stages, sheets, tuned = (found[name] for name in names)
    solvers = sorted(solver["solvers"].items(), key=lambda each: each[1]["error_px"])
    lines = [
        f"| 256 × 256, one thread, {solver['pairs']} pairs | ms a pair | mean endpoint error, px |",
        "|---|---|---|",
        *(f"| {_bold(name)} | {each['ms']:.1f} | {each['error_px']:.3f} |" for name, each in solvers),
        "",
        f"`flow_sequence`, warm-started in time: {solver['sequence_frames_per_s']:.0f} frames a second on one core. "
        f"`crop`, `landmarks`, `flow` and `verify` together: {stages['clips_per_s']:.1f} clips a second "
        f"({stages['frames']} frames of 640 × 480 each, two cores).",
        "",
        "| left of the head's motion in still regions, crop px, median, at a shift of | "
        + " | ".join(f"{level} px" for level in found["compensation"])
        + " |",
        "|---|" + "---|" * len(found["compensation"]),
        *(f"| {_bold(name)} | {' | '.join(f'{left:.3f}' for left in each)} |" for name, each in _left(found)),
        "",
        f"Verdicts on {verdicts['clips']} rendered clips: AUC {verdicts['auc_from_1_px']:.3f} for units that move by "
        f"1 px and more, {verdicts['auc_half_to_1_px']:.3f} from 0.5 to 1 px; wrong labels found with precision "
        f"{verdicts['wrong_precision']:.2f} and recall {verdicts['wrong_recall']:.2f} from 1 px on.",
        "",
        f"`index`: {sheets['rows']:,} rows of a label sheet and {sheets['frames']:,} frames in "
        f"{sheets['seconds']:.1f} s.",
        "",
        _events(found["events"]),
        "",
        f"Tuning the small Llama: {tuned['tokens_per_s']['ours']:,} tokens a second on {tuned['cores']} cores, "
        f"{tuned['tuning_ratio']:.2f} × transformers' Trainer with PEFT and padding. Structured generation: "
        f"{tuned['clips_per_s']['ours']:.0f} clips a second, {tuned['generation_ratio']:.0f} × `generate` clip by "
        "clip.",
        "",
    ]
    return "\n".join(lines)


def _events(found: Mapping[str, Any]) -> str:
    short, long = found["predict"]
    return (
        f"Events in {found['films']} films of {found['seconds']:.0f} s with {found['expressions']} micro-expressions "
        f"and {found['blinks']} blinks, at an overlap of 0.5 with the true ones: F1 {found['f1']:.3f} (precision "
        f"{found['precision']:.3f}, recall {found['recall']:.3f}). `deft predict` takes {short['s_per_s']:.2f} s for a "
        f"second of film (640 × 480, 30 frames a second, start included) and {short['peak_mib']} MiB; for a film four "
        f"times as long {long['s_per_s']:.2f} s and {long['peak_mib']} MiB."
    )


def _left(found: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """Method → what it leaves at each level of head motion, px; the best at the highest level first."""
    levels = list(found["compensation"].values())
    left = {name: [level[name]["left_px"] for level in levels] for name in levels[0]}
    return sorted(left.items(), key=lambda each: each[1][-1])


def _bold(name: str) -> str:
    return f"**{name}**" if name == "deft" else name


def put(page: str, name: str, table: str) -> str:
    """The page with the table between the two marks of this name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.split(begin)
    return before + begin + "\n" + table + "\n" + end + rest.split(end)[1]


def from_metrics(folder: Path) -> str:
    """`markdown` of a folder of metrics."""
    names = ("loso", "baselines", "flow", "verify", "landmarks")
    read = {name: tables.read_json(folder / f"{name}.json") for name in names}
    return markdown(read["loso"], read["baselines"], read)


def written(name: str, folder: Path, results: Path) -> str:
    """The table of this name, from a folder of metrics and the bench's results."""
    if name == RESULTS:
        return from_metrics(folder)
    if name == BENCH:
        return bench(tables.read_json(results))
    return {EXPERTS: experts, ABLATIONS: ablations}[name](tables.read_json(folder / f"{name}.json"))


def main(page: Path, folder: Path, results: Path) -> None:
    """Write every table into the page that has its marks there."""
    text = page.read_text(encoding="utf-8")
    for name in (RESULTS, EXPERTS, ABLATIONS, BENCH):
        if f"<!-- {name} -->" in text:
            text = put(text, name, written(name, folder, results))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
