"""Tables of docs/results.md from ``bench/results.json``."""

from collections.abc import Mapping
from typing import Any

from deft.report.cells import interval, spread


def bench(results: Mapping[str, Any]) -> str:
    """Return the motion core's tables against its peers, and a line each on verdicts, sheets, events and tuning."""
    names = ("solver", "verdicts", "verdicts_by_rules", "kinds", "stages", "sheets", "tuning")
    solver, verdicts, rules, kinds, stages, sheets, tuned = (results[name] for name in names)
    solvers = sorted(solver["solvers"].items(), key=lambda item: item[1]["error_px"])
    lines = [
        f"| 256 × 256, one thread, {solver['pairs']} pairs | ms per pair | mean endpoint error, px |",
        "|---|---|---|",
        *(f"| {_bold(name)} | {scores['ms']:.1f} | {scores['error_px']:.3f} |" for name, scores in solvers),
        "",
        f"`flow_sequence`, warm-started in time: {solver['sequence_frames_per_s']:.0f} frames per second on one core. "
        f"`crop`, `landmarks`, `flow` and `verify` together: {stages['clips_per_s']:.1f} clips per second "
        f"({stages['frames']} frames of 640 × 480 each, two cores).",
        "",
        "| median residual head motion in still regions, crop px, at a shift of | "
        + " | ".join(f"{level} px" for level in results["compensation"])
        + " |",
        "|---|" + "---|" * len(results["compensation"]),
        *(f"| {_bold(name)} | {' | '.join(f'{left:.3f}' for left in row)} |" for name, row in _residual(results)),
        "",
        f"Verdicts on {verdicts['clips']} rendered clips: AUC {verdicts['auc_from_1_px']:.3f} for units that move by "
        f"at least 1 px, {verdicts['auc_half_to_1_px']:.3f} from 0.5 to 1 px; wrong labels found with precision "
        f"{verdicts['wrong_precision']:.2f} and recall {verdicts['wrong_recall']:.2f} where they move by at least "
        f"1 px. By the rules: {rules['auc_from_1_px']:.3f} and {rules['auc_half_to_1_px']:.3f}, "
        f"{rules['wrong_precision']:.2f} and {rules['wrong_recall']:.2f}.",
        "",
        f"| fields of 240 rendered clips | mean AUC of {len(kinds['ours']['units'])} units | worst unit |",
        "|---|---|---|",
        *(f"| {name} | {kind['auc']:.3f} | {min(kind['units'].values()):.3f} |" for name, kind in kinds.items()),
        "",
        f"| the same, by a prior trained without | {' | '.join(results['nuisances']['nothing'])} |",
        f"|---|{'---|' * len(results['nuisances']['nothing'])}",
        *(f"| {name} | {' | '.join(map(spread, kinds.values()))} |" for name, kinds in results["nuisances"].items()),
        "",
        "| 442 rendered clips as flow, three datasets, one person left out | UF1 of three classes |",
        "|---|---|",
        *(f"| {name} | {interval(path, 'uf1')} |" for name, path in results["little"].items()),
        "",
        f"`index`: {sheets['rows']:,} rows of a label sheet and {sheets['frames']:,} frames in "
        f"{sheets['seconds']:.1f} s.",
        "",
        f"Tuning the small Llama: {tuned['tokens_per_s']['ours']:,} tokens per second on {tuned['cores']} cores, "
        f"{tuned['tuning_ratio']:.2f} × transformers' Trainer with PEFT and padding. Structured generation: "
        f"{tuned['clips_per_s']['ours']:.0f} clips per second, {tuned['generation_ratio']:.0f} × `generate` clip by "
        "clip.",
        "",
    ]
    return "\n".join(lines)


def spotting(results: Mapping[str, Any]) -> str:
    """Return the table of events found in rendered videos, and lines on photographs and on the time it takes."""
    events, stills = results["events"], results["stills"]
    short, long = events["predict"]
    moved = ", ".join(f"{stills[f'{name}_events']} {name}" for name in ("panned", "zoomed", "turned"))
    return "\n".join([
        "| rendered videos | expressions | found | F1 | precision | recall | blinks, F1 | micro, of those called so |",
        "|---|---|---|---|---|---|---|---|",
        *(_spotted(*item) for kind in ("encodings", "conditions") for item in _best_first(results, kind)),
        "",
        f"Events and blinks found in photographs, all of them false: {stills['still_events']} in "
        f"{stills['still_videos']} videos of ten seconds; in {stills['panned_videos']} videos each, {moved}.",
        "",
        f"`deft predict` takes {short['s_per_s']:.2f} s per second of a video of {short['video_s']:.0f} s (640 × 480, "
        f"30 frames per second, two cores, start-up included) and {short['peak_mib']} MiB; of {long['video_s']:.0f} s, "
        f"{long['s_per_s']:.2f} s and {long['peak_mib']} MiB.",
        "",
    ])  # fmt: skip


def footage(results: Mapping[str, Any]) -> str:
    """Return the short table of events found in rendered videos: by encoding alone."""
    return "\n".join([
        "| rendered videos as | expressions, F1 | blinks, F1 |",
        "|---|---|---|",
        *(f"| {name} | {row['f1']:.2f} | {row['blinks_f1']:.2f} |" for name, row in _best_first(results, "encodings")),
        "",
    ])  # fmt: skip


def _best_first(results: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    """Return the encodings or the conditions of videos, with their figures."""
    return sorted(results["events"][kind].items(), key=lambda item: (-item[1]["f1"], item[0]))


def _spotted(name: str, row: Mapping[str, float]) -> str:
    """Return the row of one encoding or one condition; where nothing is found, a share of it has no figure."""
    scores = f"{row['f1']:.2f} | {row['precision']:.2f} | {row['recall']:.2f} | {row['blinks_f1']:.2f}"
    micro = f"{row['micro_share']:.0%}" if row["f1"] else "–"
    return f"| {name} | {row['expressions']} | {row['spotted']} | {scores} | {micro} |"


def _residual(results: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """Return per method the head motion that it leaves at each shift, px; the best at the largest shift first."""
    levels = list(results["compensation"].values())
    left = {name: [level[name]["left_px"] for level in levels] for name in levels[0]}
    return sorted(left.items(), key=lambda item: item[1][-1])


def _bold(name: str) -> str:
    return f"**{name}**" if name == "deft" else name
