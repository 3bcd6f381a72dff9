import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stage, write_params
from hypothesis import given
from hypothesis import strategies as st
from peft import AutoPeftModelForCausalLM
from transformers import PreTrainedTokenizerFast

from deft.core import features, params, schemas, tables
from deft.core.errors import DataError
from deft.language import triple
from deft.learn import folds
from deft.llm import load as llm
from deft.models import deft as family
from deft.models.deft import store
from deft.models.deft.answering import decoding
from deft.models.deft.model import Deft
from pipeline import finetune, stage

# PEFT asks transformers by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

Rows = list[tables.Row]
EXPERTS = ("structure", "texture", "motion", "field")
ROW = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from(["casme2", "samm"]),
        "subject": st.sampled_from(["sub01", "sub02", "006"]),
        "label": st.sampled_from([None, "happiness", "disgust"]),
        "dropped": st.sampled_from([None, None, "no listed unit is supported by the motion"]),
    }
)


@st.composite
def clips(draw: st.DrawFn) -> Rows:
    rows = draw(st.lists(ROW, min_size=1, max_size=12))
    for number, row in enumerate(rows):
        row["clip"] = f"{row['dataset']}/{row['subject']}/{number}"
        row["dropped"] = row["dropped"] if row["label"] else "no class under task.labels"
    return rows


@given(clips())
def test_every_clip_with_a_label_is_tested_once(rows: Rows) -> None:
    tested = [clip for fold in folds.loso(rows).values() for clip in fold.test]
    assert sorted(tested) == sorted(row["clip"] for row in rows if row["label"])


@given(clips())
def test_nobody_is_in_the_training_set_of_their_own_fold(rows: Rows) -> None:
    person = {row["clip"]: (row["dataset"], row["subject"]) for row in rows}
    for fold in folds.loso(rows).values():
        assert {person[clip] for clip in fold.test}.isdisjoint(person[clip] for clip in fold.train)
        assert len({person[clip] for clip in fold.test}) == 1


@given(clips())
def test_a_dropped_clip_is_never_trained_on(rows: Rows) -> None:
    dropped = {row["clip"] for row in rows if row["dropped"]}
    for fold in [*folds.loso(rows).values(), folds.final(rows)]:
        assert dropped.isdisjoint(fold.train)


@given(clips())
def test_a_fold_trains_on_everybody_else(rows: Rows) -> None:
    for name, fold in folds.loso(rows).items():
        others = {r["clip"] for r in rows if f"{r['dataset']}-{r['subject']}" != name and not r["dropped"]}
        assert set(fold.train) == others


@given(clips())
def test_the_final_model_trains_on_all_and_tests_none(rows: Rows) -> None:
    fold = folds.final(rows)
    assert (fold.name, fold.test) == ("final", [])
    assert fold.train == [row["clip"] for row in rows if not row["dropped"]]


def test_a_subjects_name_in_two_datasets_is_two_people() -> None:
    rows = [
        {"clip": f"{dataset}/01/a", "dataset": dataset, "subject": "01", "label": "others", "dropped": None}
        for dataset in ("casme2", "samm")
    ]
    assert folds.loso(rows)["casme2-01"] == ("casme2-01", ["samm/01/a"], ["casme2/01/a"])


def people(*keys: str) -> Rows:
    """A labelled clip for each ``dataset/subject[/part]``."""
    rows = []
    for number, key in enumerate(keys):
        dataset, subject, *part = key.split("/")
        about = {"dataset": dataset, "subject": subject, "part": part[0] if part else None}
        rows.append({"clip": f"{dataset}/{subject}/{number}", "label": "others", "dropped": None, **about})
    return rows


THREE = people("casme2/01", "casme2/02", "samm/006", "dfme/sub0003/training", "dfme/sub0004/testA")


def test_leaving_a_dataset_out_tests_all_its_people() -> None:
    found = folds.split("lodo", [], THREE)
    assert {name: len(fold.test) for name, fold in found.items()} == {"casme2": 2, "dfme": 2, "samm": 1}
    assert found["samm"].train == [row["clip"] for row in THREE if row["dataset"] != "samm"]


def test_leaving_the_only_dataset_out_is_refused() -> None:
    with pytest.raises(DataError, match="found the datasets casme2, expected two or more"):
        folds.split("lodo", [], people("casme2/01", "casme2/02"))


@pytest.mark.parametrize(
    ("test", "held"),
    [
        (["samm"], ["samm/006/2"]),
        (["casme2/02"], ["casme2/02/1"]),
        (["dfme/testA", "casme2/01"], ["casme2/01/0", "dfme/sub0004/4"]),
    ],
)
def test_a_fixed_split_tests_whom_it_names(test: list[str], held: list[str]) -> None:
    fold = folds.split("fixed", test, THREE)["fixed"]
    assert fold.test == held
    assert sorted(fold.train + fold.test) == sorted(row["clip"] for row in THREE)


def test_a_fixed_split_takes_all_of_a_person() -> None:
    rows = people("dfme/sub0003/training", "dfme/sub0003/testA", "dfme/sub0004/training")
    assert len(folds.split("fixed", ["dfme/testA"], rows)["fixed"].test) == 2


def test_a_name_that_is_nobodys_is_refused() -> None:
    with pytest.raises(DataError, match=r"folds\.test: found samm/007, expected a dataset, dataset/subject"):
        folds.split("fixed", ["samm/007"], THREE)


def test_a_split_that_leaves_nobody_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="fold fixed: found nobody to learn from"):
        folds.split("fixed", ["samm", "casme2", "dfme"], THREE)


def test_a_subject_on_both_sides_is_refused() -> None:
    rows = people("samm/006", "samm/006", "samm/007")
    fold = folds.Fold("mine", [rows[0]["clip"], rows[2]["clip"]], [rows[1]["clip"]])
    with pytest.raises(DataError, match="fold mine: found samm/006 on both sides, expected each subject on one side"):
        folds.check([fold], rows)


def test_subjects_that_differ_in_case_alone_are_one() -> None:
    rows = people("mine/s01", "mine/S01", "mine/s02")
    with pytest.raises(DataError, match="found mine/s01 on both sides"):
        folds.split("loso", [], rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (people("final/s01", "mine/s02"), "a name that is not the whole model's"),
        (people("casme2/01", "samm/006")[:0], "no clip with a label"),
    ],
)
def test_folds_that_cannot_be_are_refused(rows: Rows, said: str) -> None:
    with pytest.raises(DataError, match=said):
        folds.split("lodo" if rows else "loso", [], rows)


def test_two_subjects_of_one_folds_name_are_refused() -> None:
    with pytest.raises(DataError, match="found a-b/c and a/b-c, expected names that differ"):
        folds.split("loso", [], people("a-b/c", "a/b-c"))


def test_a_split_that_tests_nobody_with_a_label_is_refused() -> None:
    rows = [row | {"label": None if "samm" in row["clip"] else "others"} for row in THREE]
    with pytest.raises(DataError, match="fold fixed: found nobody to test"):
        folds.split("fixed", ["samm"], rows)


def test_a_clip_that_is_tested_twice_is_refused() -> None:
    rows = people("samm/006", "samm/007")
    twice = [folds.Fold(name, [rows[1]["clip"]], [rows[0]["clip"]]) for name in ("a", "b")]
    with pytest.raises(DataError, match="fold b: found samm/006/0, tested in a too"):
        folds.check(twice, rows)


def test_a_class_that_one_subject_alone_shows_is_tested_and_told() -> None:
    rows = people("casme2/01", "casme2/01", "casme2/02", "casme2/03")
    rows[0]["label"] = "fear"
    found = folds.split("loso", [], rows)
    assert [folds.unseen(fold, rows) for fold in found.values()] == [{"fear"}, set(), set()]
    assert found["casme2-01"].test == [row["clip"] for row in rows[:2]]


def test_the_stage_tells_of_classes_that_a_fold_has_not_seen(corpus: Path, tmp_path: Path) -> None:
    rows = tables.rows(corpus / "data" / "triples.parquet")
    rows[0]["label"] = "elation"
    tables.write(tmp_path / "data" / "triples.parquet", schemas.TRIPLES, [[row] for row in rows])
    write_params(tmp_path)
    done = run_stage(tmp_path, "folds")
    assert done.returncode == 0, done.stderr
    assert "rendered-sub01: nobody else shows elation; its clips count as wrong" in done.stderr
    report = json.loads((tmp_path / "data" / "reports" / "folds.json").read_text(encoding="utf-8"))
    assert report["unseen_classes"]["rendered-sub01"] == ["elation"]


@given(clips(), st.sampled_from(["loso", "lodo"]))
def test_nobody_stands_on_both_sides_of_any_protocol(rows: Rows, protocol: str) -> None:
    """A protocol that mixed both sides would be refused, so what is refused must be impossible to split."""

    def held(row: tables.Row) -> tuple[str, ...]:
        return (row["dataset"],) if protocol == "lodo" else (row["dataset"], row["subject"])

    learned = {held(row) for row in rows if not row["dropped"]}
    tested = {held(row) for row in rows if row["label"]}
    try:
        found = folds.split(protocol, [], [row | {"part": None} for row in rows])
    except DataError:
        assert not tested or any(learned <= {each} for each in tested)
        return
    assert len(found) == len(tested)
    person = {row["clip"]: tables.person(row) for row in rows}
    for fold in found.values():
        assert {person[clip] for clip in fold.test}.isdisjoint(person[clip] for clip in fold.train)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, words_of_pages: PreTrainedTokenizerFast) -> Path:
    """A random Llama of width 32."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("backbone")
    llm.create(words_of_pages, 32, 1, 2).save_pretrained(folder)
    words_of_pages.save_pretrained(folder)
    return folder


@pytest.fixture
def rows(corpus: Path) -> Rows:
    """The corpus's triples, each of which may be trained on."""
    found = tables.rows(corpus / "data" / "triples.parquet")
    return [row | {"dropped": None} for row in found]


def short(folder: Path, base: Path, **changed: float) -> params.Params:
    """Parameters of a short tuning, from a file in the folder; ``changed`` are of `finetune`."""
    steps: dict[str, float] = {"epochs": 1, "components": 4, "alignment_steps": 20}
    write_params(folder, finetune=steps | changed, lora={"rank": 2}, llm={"base": str(base)})
    return params.load(folder / "params.yaml")


@pytest.fixture
def tune(corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, bytes]]:
    """Tune one fold in the corpus's folder, or a given one, and return the bytes of its weights."""
    parameters, count = short(tmp_path, base), iter(range(99))

    def run(rows: Rows, name: str, folder: Path = corpus) -> dict[str, bytes]:
        monkeypatch.chdir(folder)
        root = tmp_path / str(next(count))
        finetune.tune("deft", parameters, rows, {**folds.loso(rows), folds.FINAL: folds.final(rows)}, root, name)
        return {
            file: (root / name / file).read_bytes() for file in ("adapter_model.safetensors", "deft.safetensors")
        } | {"folder": str(root / name).encode()}

    return run


def test_an_inner_choice_is_made_on_training_subjects_and_told(
    rows: Rows, corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    parameters, found = short(tmp_path, base, epochs=3, validation_share=0.5), folds.loso(rows)
    told = [
        finetune.tune("deft", parameters, some, found, tmp_path / str(number), "rendered-sub01")
        for number, some in enumerate((rows, spoiled(rows, "sub01")))
    ]
    assert len(told[0]["validation_uf1"]) == 3
    assert (
        len(told[0]["losses"])
        == told[0]["epochs"]
        == 1 + told[0]["validation_uf1"].index(max(told[0]["validation_uf1"]))
    )
    assert told[0]["validation_uf1"] == told[1]["validation_uf1"]


def test_many_clips_are_passed_over_less_often(
    rows: Rows, corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    for steps, epochs in ((1, 1), (7, 3), (99, 4)):  # six clips in batches of three: two steps a pass
        parameters = short(tmp_path, base, epochs=4, max_steps=steps, batch=3)
        told = finetune.tune("deft", parameters, rows, folds.loso(rows), tmp_path / str(steps), "rendered-sub01")
        assert len(told["losses"]) == epochs


def weights(tuned: dict[str, bytes]) -> tuple[bytes, bytes]:
    return tuned["adapter_model.safetensors"], tuned["deft.safetensors"]


def spoiled(rows: Rows, subject: str) -> Rows:
    """The rows with all that a sheet says of one subject taken from another's clips."""
    told = ("label", "units", "target", "seen")
    mine = [row for row in rows if row["subject"] == subject]
    others = sorted(
        (row for row in rows if row["subject"] != subject), key=lambda row: row["label"] == mine[0]["label"]
    )
    lies = {row["clip"]: {key: lie[key] for key in told} for row, lie in zip(mine, others, strict=False)}
    changed = [row | lies.get(row["clip"], {}) for row in rows]
    assert [row["label"] for row in changed] != [row["label"] for row in rows]
    return changed


def test_what_the_sheet_says_of_the_held_out_subject_cannot_leak(
    rows: Rows, tune: Callable[..., dict[str, bytes]]
) -> None:
    lies = spoiled(rows, "sub01")
    assert weights(tune(lies, "rendered-sub01")) == weights(tune(rows, "rendered-sub01"))
    for honest, misled in zip(
        weights(tune(rows, "rendered-sub02")), weights(tune(lies, "rendered-sub02")), strict=True
    ):
        assert honest != misled


def test_what_the_experts_see_of_the_held_out_subject_cannot_leak(
    rows: Rows, tune: Callable[..., dict[str, bytes]], corpus: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "spoiled"
    shutil.copytree(corpus / "data" / "features", folder / "data" / "features")
    shutil.copytree(corpus / "models", folder / "models")
    for path in (folder / "data" / "features").rglob("*.parquet"):
        found = tables.rows(path)
        for row in found:
            if "/sub01/" in row["clip"]:
                row["tokens"] = rng.normal(size=np.shape(row["tokens"])).tolist()
        tables.write(path, schemas.FEATURES, [[row] for row in found])
    assert weights(tune(rows, "rendered-sub01", folder)) == weights(tune(rows, "rendered-sub01"))
    assert weights(tune(rows, "rendered-sub02", folder)) != weights(tune(rows, "rendered-sub02"))


def test_the_final_model_learns_from_everybody(rows: Rows, tune: Callable[..., dict[str, bytes]]) -> None:
    assert weights(tune(rows, folds.FINAL)) != weights(tune(spoiled(rows, "sub01"), folds.FINAL))


def test_clips_of_classes_and_units_that_no_table_knows_are_learned(
    rows: Rows, tune: Callable[..., dict[str, bytes]]
) -> None:
    strange = [row | {"label": f"mood {row['label']}", "listed": [], "units": []} for row in rows]
    folder = Path(tune(strange, "rendered-sub01")["folder"].decode())
    learned = {row["label"] for row in strange if row["subject"] != "sub01"}
    with family.load(folder) as model:
        assert set(model.config.emotions) == learned


def test_units_that_nobody_labelled_are_not_taken_for_absent(rows: Rows, tune: Callable[..., dict[str, bytes]]) -> None:
    unlabelled = [row | {"listed": [], "units": []} for row in rows]
    denied = [row | {"units": []} for row in rows]
    assert weights(tune(unlabelled, folds.FINAL)) != weights(tune(denied, folds.FINAL))


def test_a_tuned_model_comes_back_as_it_was_saved(
    rows: Rows,
    tune: Callable[..., dict[str, bytes]],
    corpus: Path,
    words_of_pages: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = corpus / "data" / "features" / "rendered"
    tensors: dict[str, torch.Tensor] = {}
    before: list[decoding.Answer] = []
    save = store.save

    def answers(model: Deft) -> list[decoding.Answer]:
        tokens = {name: [row["tokens"] for row in tables.rows(features / f"{name}.parquet")[:2]] for name in EXPERTS}
        return decoding.answer(model, {name: np.array(view, np.float32) for name, view in tokens.items()})

    def watched_save(model: Deft, *rest: Any, **named: Any) -> None:
        tensors.update({name: tensor.clone() for name, tensor in model.state_dict().items()})
        before.extend(answers(model))
        save(model, *rest, **named)

    monkeypatch.setattr(store, "save", watched_save)
    with family.load(Path(tune(rows, "rendered-sub01")["folder"].decode())) as model:
        found = model.state_dict()
        assert found.keys() == tensors.keys()
        assert [name for name, tensor in tensors.items() if not torch.equal(found[name], tensor)] == []
        after = answers(model)
        assert len(after) == len(before) == 2
        for given_, again in zip(before, after, strict=True):
            assert again.emotions == pytest.approx(given_.emotions, abs=1e-5)
            assert again.units == pytest.approx(given_.units, abs=1e-5)
            assert sum(again.emotions) == pytest.approx(1, abs=1e-4)
            said = triple.parse(again.text)
            assert said is not None
            assert said.emotion in model.config.emotions


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "deft.safetensors", "deft.json", "adapter_config.json"])
def test_a_tuned_model_without_one_of_its_files_names_it(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in {"adapter_model.safetensors", "deft.safetensors", "deft.json", "adapter_config.json"} - {file}:
        (folder / name).write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=f"{file}: found no such file, expected a tuned model"):
        family.load(folder).__enter__()


def test_further_seeds_are_saved_with_the_first_and_missed(
    rows: Rows, base: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    parameters, folder = short(tmp_path, base, seeds=2), tmp_path / "rendered-sub01"
    finetune.tune("deft", parameters, rows, folds.loso(rows), tmp_path, folder.name)
    views = features.read(stage.features(parameters, EXPERTS), [rows[0]["clip"]])
    with family.load(folder) as model:
        (both,), (other,) = decoding.answer(model, views), model.others
        model.others = []
        alone = torch.stack([decoding.encode(seed, views).units.sigmoid()[0] for seed in (model, other)])
        assert not torch.equal(*alone)
        assert both.units == pytest.approx(alone.mean(0).tolist(), abs=1e-5)
    (folder / other.adapter / "deft.safetensors").unlink()
    with pytest.raises(DataError, match=r"deft\.safetensors: found no such file"):
        family.load(folder).__enter__()


def test_a_copied_model_answers_from_anywhere(
    rows: Rows,
    tune: Callable[..., dict[str, bytes]],
    tmp_path: Path,
    base: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its base by a path relative to the project is copied with it, where PEFT finds it, too."""
    project = tmp_path / "project"
    shutil.copytree(corpus / "data", project / "data")
    shutil.copytree(corpus / "models", project / "models")
    shutil.copytree(base, project / "models" / "backbone")
    write_params(
        project,
        finetune={"epochs": 1, "components": 4, "alignment_steps": 20},
        lora={"rank": 2},
        llm={"base": "models/backbone"},
    )
    monkeypatch.chdir(project)
    split = folds.loso(rows)
    finetune.tune("deft", params.load(), rows, split, project / "models" / "deft" / "folds", "rendered-sub01")
    moved = tmp_path / "elsewhere" / "model"
    shutil.move(project / "models" / "deft" / "folds" / "rendered-sub01", moved)
    shutil.rmtree(project / "models")
    monkeypatch.chdir(tmp_path)
    with family.load(moved) as model:
        dims = {name: model.get_buffer(f"projectors.{name}.mean").shape[0] for name in ("structure", "texture")}
        views = {name: np.zeros((1, 1, dim), np.float32) for name, dim in dims.items()}
        assert triple.parse(decoding.answer(model, views)[0].text) is not None
    monkeypatch.chdir(moved)
    language = AutoPeftModelForCausalLM.from_pretrained(".")
    assert any("lora_A" in name for name, _ in language.named_parameters())


@pytest.mark.parametrize("four_bit", [False, True])
def test_a_model_answers_on_what_it_was_tuned_on(
    rows: Rows, tune: Callable[..., dict[str, bytes]], four_bit: bool
) -> None:
    folder = Path(tune(rows, "rendered-sub01")["folder"].decode())
    config = json.loads((folder / "deft.json").read_text(encoding="utf-8"))
    assert config["four_bit"] is False
    (folder / "deft.json").write_text(json.dumps(config | {"four_bit": four_bit}), encoding="utf-8")
    loaded: list[bool] = []

    def load(name: str, four_bit: bool) -> tuple[Any, Any]:
        loaded.append(four_bit)
        return llm.load(name)

    with store.loaded(folder, load):
        assert loaded == [four_bit]
