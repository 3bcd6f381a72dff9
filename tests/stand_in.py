"""Stands in for ``python -m pipeline STAGE ITEM…``: writes a stage's outputs as a hash of its data and parameters.

Like a real stage's, they do not depend on how its code is written. Every run is noted in the file ``ran``.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml

SUMMARY = Path("metrics/summary.json")


def described(stage: str, items: list[str]) -> dict[str, Any]:
    """Return a stage of dvc.yaml with the items of its matrix filled in."""
    about = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    text = json.dumps(about)
    for name, item in zip(about.get("matrix", {}), items, strict=True):
        text = text.replace(f"${{item.{name}}}", item)
    filled: dict[str, Any] = json.loads(text)
    return filled


def digest(about: dict[str, Any]) -> str:
    """Return a hash of what a stage reads: sections of params.yaml, and files under data/ and models/."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    content = [str(params[name.split(".")[0]]) for name in about.get("params", [])]
    for dep in (Path(dep) for dep in about["deps"] if dep.startswith(("data/", "models/"))):
        files = sorted(dep.rglob("*")) if dep.is_dir() else [dep]
        content += [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    return hashlib.sha256("".join(content).encode()).hexdigest()


def main() -> None:
    """Run the stage that the command line names."""
    stage, *items = sys.argv[3:]
    about = described(stage, items)
    content = digest(about)
    for out in [*about.get("outs", []), *about.get("metrics", [])]:
        path = Path(out if isinstance(out, str) else next(iter(out)))
        path = path if path.suffix else path / "file"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    if stage == "evaluate":
        names = ("head_uf1", "text_uf1", "au_f1", "evidence_f1", "baseline", "flow_px", "auc", "clips")
        figures = {name: int(content[2 * at : 2 * at + 4], 16) / 65536 for at, name in enumerate(names)}
        SUMMARY.write_text(json.dumps({name: round(figure, 3) for name, figure in figures.items()}), encoding="utf-8")
    with Path("ran").open("a", encoding="utf-8") as ran:
        print(stage, *items, file=ran)


main()
