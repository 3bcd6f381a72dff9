"""The README's results table, from ``metrics/``. Run: ``python -m deft.report.table README.md metrics``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results -->\n", "<!-- /results -->"
_NAMES = {"mdmo_svm": "MDMO + SVM", "majority": "majority class"}


def markdown(loso: Mapping[str, Any], baselines: Mapping[str, Any], stages: Mapping[str, Any]) -> str:
    """The table of emotions, and a line each on words and on what was measured against truth."""
    lines = ["| | UF1 | UAR | accuracy |", "|---|---|---|---|"]
    rows = {"**DEFT, head**": loso["emotion"], "**DEFT, generated text**": loso["generated"]}
    rows |= {_NAMES[name]: scores["emotion"] for name, scores in baselines.items()}
    lines += [
        f"| {name} | {' | '.join(_cell(scores, key) for key in ('uf1', 'uar', 'acc'))} |"
        for name, scores in rows.items()
    ]
    text, flow, verify = loso["text"], stages["flow"]["rendered"], stages["verify"]["rendered"]
    landmarks = stages["landmarks"]["rendered"]
    lines += [
        "",
        f"Words: {text['parsed']:.1%} of answers parse, {text['agreement']:.1%} name the head's class, evidence F1 "
        f"{_cell(text, 'evidence_f1')}, {text['unsupported_au_rate']:.1%} of the units in rationales lack support in "
        f"the motion. Action Units (head, against the sheet): F1 {_cell(loso['au'], 'f1')}.",
        "",
        f"Against truth: landmarks {landmarks['error_iod']:.1%} of the eye distance; flow {flow['epe_median_px']:.3f} "
        f"px median endpoint error in the regions (crop), {flow['head_removed']:.1%} of the head's motion removed; "
        f"Action Unit verdicts AUC {verify['auc']:.3f}.",
        "",
    ]
    return "\n".join(lines)


def _cell(scores: Mapping[str, float], key: str) -> str:
    return f"{scores[key]:.3f} [{scores[f'{key}_low']:.3f}, {scores[f'{key}_high']:.3f}]"


def put(page: str, table: str) -> str:
    """The page with the table between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1]


def from_metrics(folder: Path) -> str:
    """`markdown` of a folder of metrics."""
    names = ("loso", "baselines", "flow", "verify", "landmarks")
    read = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    return markdown(read["loso"], read["baselines"], read)


def main(page: Path, folder: Path) -> None:
    """Write the table into the page."""
    page.write_text(put(page.read_text(encoding="utf-8"), from_metrics(folder)), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
