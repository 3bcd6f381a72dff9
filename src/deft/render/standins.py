"""Stand-ins for datasets that we may not ship: the rendered corpus in their layouts, with their sheets' pitfalls."""

import shutil
import tempfile
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from deft.core.errors import DataError
from deft.render import clips, corpus, layouts


def write(name: str, root: Path, seed: int, subjects: int, count: int, jobs: int) -> int:
    """Write ``count`` clips of each of ``subjects`` people in a layout into the folder ``root``; return their number.

    Each layout has people of its own. The folder appears once it is complete.

    Raises:
        DataError: there is no such layout, or the folder exists already, since it may hold the real dataset.

    """
    if name not in layouts.LAYOUTS:
        raise DataError("layout", name, f"one of {', '.join(layouts.LAYOUTS)}", "name one of them")
    if root.exists() or root.is_symlink():
        raise DataError(root, "something", "nothing yet", "move it away: a stand-in never takes a dataset's place")
    layout = layouts.get(name)
    plans = corpus.plan(seed + 1 + layouts.LAYOUTS.index(name), subjects, count, wrong=0.0)
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{name}."))
    try:
        layouts.write_labels(layout, plans, unfinished, traps=True)
        if layout.frame:
            work = (delayed(_frames)(plan, unfinished, name) for plan in plans)
            pool = Parallel(n_jobs=jobs, return_as="generator")
            for _ in tqdm(pool(work), desc=f"render {name}", total=len(plans), unit=""):
                pass
        unfinished.chmod(0o755)
        unfinished.rename(root)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return len(plans)


def _frames(plan: corpus.ClipPlan, root: Path, name: str) -> None:
    clips.render(plan, root, layouts.get(name), name)
