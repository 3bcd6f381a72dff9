import copy
import random
import re
import shutil
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from pydantic import BaseModel

from deft.core import params
from deft.core.params import Params, ParamsError, decode, load
from deft.datasets import FORMATS

FILE = Path(__file__).resolve().parents[1] / "params.yaml"
TREE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    yield from [leaf for key, value in items for leaf in leaves(value, (*path, key))] or [path]


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    tree = copy.deepcopy(TREE)
    at: Any = tree
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return tree


def refusal(tree: object) -> str:
    with pytest.raises(ParamsError) as caught:
        decode(tree)
    return str(caught.value)


def dotted(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")


def test_the_projects_own_file_decodes() -> None:
    assert load(FILE).model_dump() == TREE


def comments(file: Path = FILE) -> dict[str, str]:
    """Dotted key → its comment: the line above it, or, of a section or a list at the top, the line below its name."""
    found, path, lines = {}, list[str](), ["", *file.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        if match := re.match(r"( *)(\w+):", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            opens = line.endswith(":") and not match[1]
            found[".".join(path)] = lines[number + 1 if opens else number - 1].strip()
    return found


@pytest.mark.parametrize("key", list(keys(Params)))
def test_every_key_has_a_sentence_of_its_own(key: str) -> None:
    assert re.fullmatch(r"# \S.*\S\.", comments()[key]), f"{key}: {comments()[key]!r}"
    assert [other for other, sentence in comments().items() if sentence == comments()[key]] == [key]


OVERRIDES = [
    "lora.rank=16", "datasets=[casme2]", "experts=[structure,motion]", "lora.targets=[q_proj]", "folds.test=[a/b]",
    "render.layouts=[smic]", "+index.formats.mine=flow", "datasets=[casme2,samm,smic]", "families=[deft]",
    "lora.targets=all-linear", "folds.test=[]", "task.labels=3", "lora.learning_rate=2.0e-4", "experts=[motion]",
    "finetune.modality_dropout.motion=0.2", "lora.targets=[q_proj,v_proj]", "lora.rank=4", "datasets=[rendered]",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_ten_experiments_in_a_row_lose_no_comment(seed: int, tmp_path: Path) -> None:
    file = Path(shutil.copy(FILE, tmp_path))
    before = [line.strip() for line in FILE.read_text(encoding="utf-8").splitlines() if "#" in line]
    for override in random.Random(seed).sample(OVERRIDES, 10):
        apply_overrides(file, [override])
        assert comments(file).items() >= comments().items(), override
        assert [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if "#" in line] == before, (
            override
        )


def test_an_experiment_taken_back_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = Path(shutil.copy(FILE, tmp_path))
    apply_overrides(file, ["datasets=[casme2,samm]", "lora.targets=[q_proj]", "lora.rank=2", "folds.test=[a/b]"])
    apply_overrides(
        file, ["datasets=[rendered]", "lora.targets=all-linear", f"lora.rank={TREE['lora']['rank']}", "folds.test=[]"]
    )
    assert file.read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", list(leaves(TREE)), ids=dotted)
def test_a_value_of_another_type_is_refused_by_its_path(path: tuple[Any, ...]) -> None:
    values: list[Any] = [
        *([] if get(path) == [] else [[[]]]),
        {"a": {}},
        None,
        2.5 if isinstance(get(path), str) else "a",
    ]
    for wrong in values:
        lines = refusal(changed(path, wrong)).splitlines()
        assert all(line.startswith(f"params.yaml: {dotted(path)}: expected ") for line in lines), lines


def get(path: tuple[Any, ...]) -> Any:
    at: Any = TREE
    for part in path:
        at = at[part]
    return at


@pytest.mark.parametrize("path", [path for path in leaves(TREE) if isinstance(get(path), int | float)], ids=dotted)
def test_a_number_is_not_a_truth_nor_a_truth_a_number(path: tuple[Any, ...]) -> None:
    wrong = 1 if isinstance(get(path), bool) else True
    assert refusal(changed(path, wrong)).startswith(f"params.yaml: {dotted(path)}: expected ")


@pytest.mark.parametrize(
    "path", [p for p in leaves(TREE) if isinstance(get(p), int) and not isinstance(get(p), bool)], ids=dotted
)
def test_every_whole_number_is_bounded_below(path: tuple[Any, ...]) -> None:
    assert re.search(r": expected .*≥ -?\d+.*, got -7$", refusal(changed(path, -7)))


@pytest.mark.parametrize("key", list(keys(Params)))
def test_a_missing_key_is_named(key: str) -> None:
    tree = copy.deepcopy(TREE)
    *sections, name = key.split(".")
    del reduce(getitem, sections, tree)[name]
    assert re.fullmatch(rf"params\.yaml: {re.escape(key)}: expected a value.*, got nothing", refusal(tree))


SECTIONS = [name for name, value in TREE.items() if isinstance(value, dict)]


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_an_unknown_key_is_refused_with_those_known(section: str) -> None:
    tree = changed((section, "ranks") if section else ("ranks",), 1)
    known = ", ".join(TREE[section] if section else TREE)
    path = f"{section}.ranks" if section else "ranks"
    assert refusal(tree) == f"params.yaml: {path}: unknown key; known here: {known}"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("lora.rank", "a", 'lora.rank: expected int ≥ 1, got "a"'),
        ("lora.rank", 0, "lora.rank: expected ≥ 1, got 0"),
        ("lora.rank", 1.5, "lora.rank: expected int ≥ 1, got 1.5"),
        ("lora.dropout", 1.0, "lora.dropout: expected ≥ 0 < 1, got 1.0"),
        ("strict", "yes", 'strict: expected true or false, got "yes"'),
        ("datasets", [], "datasets: expected at least 1, got []"),
        ("lora", 3, "lora: expected a section of keys, got 3"),
        ("engine", "threads", "engine: expected one of 'processes' or 'ray', got \"threads\""),
    ],
)
def test_a_refusal_says_what_was_expected(path: str, value: object, said: str) -> None:
    assert refusal(changed(tuple(path.split(".")), value)) == f"params.yaml: {said}"


def test_every_fault_is_named_at_once() -> None:
    tree = changed(("lora", "rank"), "a") | {"strict": 3}
    assert {line.split(": ")[1] for line in refusal(tree).splitlines()} == {"lora.rank", "strict"}


def test_a_number_of_labels_may_be_written_bare() -> None:
    assert decode(changed(("task", "labels"), 3)).task.labels == "3"


def test_a_whole_number_may_stand_for_a_real_one() -> None:
    assert decode(changed(("finetune", "learning_rate"), 1)).finetune.learning_rate == 1.0


@pytest.mark.parametrize("name", ["datasets", "experts"])
def test_a_name_listed_twice_is_refused(name: str) -> None:
    assert refusal(TREE | {name: TREE[name] * 2}).startswith(f"params.yaml: {name}: expected each name once")


def test_a_format_has_a_reader() -> None:
    assert get_args(params.Format) == FORMATS


@pytest.mark.parametrize(("protocol", "test"), [("fixed", []), ("loso", ["samm"]), ("lodo", ["samm"])])
def test_a_fixed_split_and_no_other_says_who_is_tested(protocol: str, test: list[str]) -> None:
    said = refusal(TREE | {"folds": {"protocol": protocol, "test": test}})
    assert said.startswith("params.yaml: folds.test: expected ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jobs": 0}, "jobs: expected ≥ 1, or -1 for as many as there is room for, got 0"),
        ({"gpus_per_job": 1}, "gpus_per_job: expected 0 unless engine is ray, got 1"),
        ({"gpus_per_job": 1.5, "engine": "ray"}, "gpus_per_job: expected a whole number above 1, got 1.5"),
    ],
)
def test_jobs_that_cannot_run_are_refused(changes: dict[str, Any], said: str) -> None:
    assert refusal(TREE | changes) == f"params.yaml: {said}"


@pytest.mark.parametrize("gpus", [0, 0.5, 1, 2.0])
def test_ray_hands_out_gpus_whole_or_in_parts(gpus: float) -> None:
    assert decode(TREE | {"engine": "ray", "gpus_per_job": gpus}).gpus_per_job == gpus


def test_two_datasets_of_the_same_people_are_refused() -> None:
    assert "the same people" in refusal(TREE | {"datasets": ["samm", "samm_long"]})


def test_levels_must_ascend() -> None:
    assert "slight_z < clear_z < strong_z" in refusal(changed(("verify", "clear_z"), 1.0))


def test_a_width_must_suit_its_heads() -> None:
    assert refusal(changed(("backbone", "width"), 12)).startswith("params.yaml: backbone.width: expected a multiple")


@pytest.mark.parametrize("dataset", ["../elsewhere", "a/b", "", " casme2"])
def test_a_dataset_is_no_path(dataset: str) -> None:
    assert refusal(TREE | {"datasets": [dataset]}).startswith("params.yaml: datasets.0: expected ")


@pytest.mark.parametrize("content", ["", "[]", "3", "text"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ParamsError, match="the file: expected "):
        load(path)


def test_what_is_not_yaml_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("lora: [", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"^.*params\.yaml: not YAML: [^\n]*$"):
        load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="there is no such file"):
        load(tmp_path / "params.yaml")


def test_parameters_cannot_be_changed_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(FILE).lora.rank = 3


def test_every_number_of_the_file_is_a_number_to_yaml_too() -> None:
    assert not re.findall(r": \d+e", FILE.read_text(encoding="utf-8")), "write 1.0e-4: PyYAML reads 1e-4 as text"
    assert params.load(FILE).finetune.learning_rate > 0


def test_spotting_is_as_the_projects_file_says() -> None:
    assert params.spotting(FILE) == params.SPOTTING


@pytest.mark.parametrize("content", [None, "", "threshold: 3", "[1, 2]", "a: [", "\udc80"])
def test_where_there_is_no_section_for_it_spotting_is_the_packages_own(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "params.yaml"
    if content is not None:
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert params.spotting(file) == params.SPOTTING


def test_a_faulty_threshold_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(changed(("spotting", "threshold"), -1)), encoding="utf-8")
    with pytest.raises(ParamsError, match=r"params.yaml: spotting.threshold: expected"):
        params.spotting(file)


def test_a_threshold_that_is_set_is_the_one_that_is_used(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(changed(("spotting", "threshold"), 9.0)), encoding="utf-8")
    assert params.spotting(file).threshold == 9.0
