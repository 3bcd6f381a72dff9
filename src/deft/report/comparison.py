"""Print two experiments side by side in a terminal."""

from collections.abc import Mapping

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from deft.score.compare import Difference

_NAMES = {
    "emotion.uf1": "head UF1",
    "emotion.uar": "head UAR",
    "emotion.acc": "head accuracy",
    "generated.uf1": "text UF1",
    "generated.uar": "text UAR",
    "generated.acc": "text accuracy",
    "au.f1": "Action Units F1",
    "text.evidence_f1": "evidence F1",
}


def show(first: str, second: str, differences: Mapping[str, Difference], rule: str) -> None:
    """Print one line per figure (`deft.score.compare.differences`), bold where the interval excludes 0."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in (first, second, "difference", "95 % interval", "p"):
        table.add_column(Text(column), justify="right", overflow="fold")
    for name, each in differences.items():
        cells = (f"{each.first:.3f}", f"{each.second:.3f}", f"{each.difference:+.3f}")
        interval = f"[{each.low:+.3f}, {each.high:+.3f}]"
        style = "bold" if each.low > 0 or each.high < 0 else None
        table.add_row(_NAMES[name], *cells, interval, f"{each.p:.3f}", style=style)
    Console(highlight=False).print(Group(table, Text(), Text(f"{second} minus {first}: {rule}.")))
