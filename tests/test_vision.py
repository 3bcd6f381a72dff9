import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from conftest import random_flow, run_stage, write_params

from deft import experts
from deft.core import tables
from deft.core.errors import DataError
from deft.core.params import Features
from deft.experts import vision
from deft.face import Points

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SEEN = {"image_size": 32, "patch_size": 16, **SMALL}
FRAMES = {"image_size": 32, "num_frames": 4, **SMALL}
CROPPED = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "dinov2": lambda: (
        transformers.Dinov2Model(transformers.Dinov2Config(**SEEN)),
        transformers.BitImageProcessorPil(**CROPPED),
    ),
    "vit": lambda: (
        transformers.ViTModel(transformers.ViTConfig(**SEEN)),
        transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}),
    ),
    "clip": lambda: (
        transformers.CLIPModel(
            transformers.CLIPConfig(vision_config=SEEN, text_config={"vocab_size": 64, **SMALL}),
        ),
        transformers.CLIPImageProcessorPil(**CROPPED),
    ),
    "resnet": lambda: (
        transformers.ResNetModel(transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])),
        transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32}),
    ),
    "videomae": lambda: (
        transformers.VideoMAEModel(transformers.VideoMAEConfig(patch_size=16, **FRAMES)),
        transformers.VideoMAEImageProcessorPil(**CROPPED),
    ),
    "vivit": lambda: (
        transformers.VivitModel(transformers.VivitConfig(tubelet_size=[2, 16, 16], **FRAMES)),
        transformers.VivitImageProcessor(**CROPPED),
    ),
    "bert": lambda: (transformers.BertModel(transformers.BertConfig(vocab_size=64, **SMALL)), None),
}
IMAGES, VIDEOS = ("dinov2", "vit", "clip", "resnet"), ("videomae", "vivit")
PAIRS = [
    *(("structure", name) for name in IMAGES),
    *(("texture", name) for name in VIDEOS),
    *(("motion", name) for name in (*IMAGES, *VIDEOS)),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A tiny checkpoint of a model's own class, random, with its own preparation of pictures."""
    root = tmp_path_factory.mktemp("vision")

    def save(name: str) -> Path:
        if not (root / name).is_dir():
            torch.manual_seed(0)
            model, processor = MODELS[name]()
            model.save_pretrained(root / name)
            if processor:
                processor.save_pretrained(root / name)
        return root / name

    return save


@pytest.fixture
def clip(points: Points) -> experts.Clip:
    """Five random frames and two steps of motion."""
    frames = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3)).astype(np.uint8)
    return experts.Clip(list(frames), points, np.stack([random_flow(0) / 2, random_flow(0)]), 0.1)


def encode(expert: str, folder: Path, *clips: experts.Clip, tokens: int = 3) -> list[npt.NDArray[np.float32]]:
    models = {"structure": "default", "texture": "default", "motion": "default", "field": "default"} | {
        expert: str(folder)
    }
    return experts.tokens(expert, clips, Features.model_validate(models | {"grid": 6, "tokens": tokens, "batch": 1}))


@pytest.mark.parametrize(("expert", "name"), PAIRS)
def test_a_vision_model_is_an_expert(expert: str, name: str, saved: Callable[[str], Path], clip: experts.Clip) -> None:
    (seen,) = encode(expert, saved(name), clip)
    assert seen.shape == (3, 16 if name == "resnet" else 32)
    assert seen.dtype == np.float32
    assert np.isfinite(seen).all()


@pytest.mark.parametrize(("expert", "name"), PAIRS)
def test_clips_in_one_batch_are_encoded_as_alone(
    expert: str, name: str, saved: Callable[[str], Path], clip: experts.Clip
) -> None:
    other = clip._replace(crops=[255 - crop for crop in clip.crops], flows=-clip.flows)
    together = encode(expert, saved(name), clip, other)
    for seen, alone in zip(together, (clip, other), strict=True):
        np.testing.assert_allclose(seen, encode(expert, saved(name), alone)[0], atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_an_image_model_sees_the_onset_and_the_apex(saved: Callable[[str], Path], clip: experts.Clip) -> None:
    later = clip._replace(crops=[clip.crops[0], *clip.crops[:0:-1]], flows=np.stack([3 * clip.flows[0], clip.flows[1]]))
    for expert in ("structure", "motion"):
        np.testing.assert_array_equal(encode(expert, saved("vit"), later), encode(expert, saved("vit"), clip))


def test_a_video_model_sees_frames_of_the_whole_clip(saved: Callable[[str], Path], clip: experts.Clip) -> None:
    last = clip._replace(crops=[*clip.crops[:-1], clip.crops[0]])
    assert (
        np.abs(encode("texture", saved("videomae"), last)[0] - encode("texture", saved("videomae"), clip)[0]).max()
        > 1e-4
    )


def test_a_whole_face_is_shown_where_a_processor_would_cut_it(saved: Callable[[str], Path], clip: experts.Clip) -> None:
    edge = clip.crops[0].copy()
    edge[0] = 255 - edge[0]
    changed = (
        encode("structure", saved("dinov2"), clip._replace(crops=[edge]))[0]
        - encode("structure", saved("dinov2"), clip)[0]
    )
    assert np.abs(changed).max() > 1e-4


def refused(expert: str, name: str) -> DataError:
    with pytest.raises(DataError) as caught:
        vision.load(expert, experts.expert(expert).NEEDS, name)
    assert caught.value.where == f"features.{expert}: {name}"
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("expert", "name", "found", "expected"),
    [
        ("structure", "videomae", "a video model (videomae)", "an image model"),
        ("texture", "dinov2", "an image model (dinov2)", "a video model"),
        ("motion", "bert", "a model that takes no images (bert)", "an image model or a video model"),
    ],
)
def test_an_expert_of_the_wrong_kind_is_refused(
    expert: str, name: str, found: str, expected: str, saved: Callable[[str], Path]
) -> None:
    error = refused(expert, str(saved(name)))
    assert (error.found, error.expected) == (found, expected)


def test_a_model_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    assert refused("structure", str(tmp_path / "nowhere")).found.startswith("no such folder, and no such model")


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_an_incomplete_model_is_refused(file: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied(saved("vit"), tmp_path / "vit")
    (folder / file).unlink()
    assert refused("structure", str(folder)).found.startswith("an incomplete model (")


def test_pickled_weights_are_refused(saved: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied(saved("vit"), tmp_path / "vit")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert refused("structure", str(folder)).found.startswith("pickled weights, which could run code (")


def test_a_model_of_which_weights_are_missing_is_refused(saved: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied(saved("vit"), tmp_path / "vit")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}), encoding="utf-8")
    assert "weights missing" in refused("structure", str(folder)).found


def test_stillness_is_white_and_ways_have_their_colours() -> None:
    flow = np.zeros((4, 4, 2), np.float32)
    flow[0, 0], flow[0, 1], flow[0, 2] = (9.0, 0.0), (-9.0, 0.0), (900.0, 0.0)
    picture = vision.coloured(flow, 0.1)
    assert (picture[1:] == 255).all()
    assert (picture[0, 0] == picture[0, 2]).all()
    assert (picture[0, 0] != picture[0, 1]).any()


def stage(folder: Path, corpus: Path, **features: Any) -> Any:
    """Run the stage for the motion expert with these parameters on the corpus."""
    if not (folder / "data").exists():
        (folder / "data").mkdir()
        for name in ("crop", "landmarks", "flow"):
            (folder / "data" / name).symlink_to(corpus / "data" / name)
    write_params(folder, features=features)
    return run_stage(folder, "features", "rendered", "motion")


def test_the_stage_encodes_with_a_model_in_batches(corpus: Path, saved: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "data" / "features" / "rendered" / "motion.parquet"
    tokens = []
    for batch in (1, 4):
        done = stage(tmp_path, corpus, motion=str(saved("vit")), batch=batch, tokens=2)
        assert done.returncode == 0, done.stderr
        tokens.append(np.array([row["tokens"] for row in tables.rows(path)]))
    assert tables.clips(path) == tables.clips(corpus / "data" / "flow" / "rendered.parquet")
    assert tokens[0].shape == (9, 2, 32)
    np.testing.assert_allclose(tokens[0], tokens[1], atol=1e-5)
    report = tmp_path / "data" / "reports" / "features" / "rendered" / "motion.json"
    assert json.loads(report.read_text(encoding="utf-8"))["shape"] == [2, 32]


def test_a_model_that_gives_no_numbers_is_reported_clip_by_clip(
    corpus: Path, saved: Callable[[str], Path], tmp_path: Path
) -> None:
    model = transformers.ViTModel.from_pretrained(saved("vit"))
    with torch.no_grad():
        model.layernorm.weight.fill_(torch.inf)
    model.save_pretrained(copied(saved("vit"), tmp_path / "vit"))
    done = stage(tmp_path, corpus, motion=str(tmp_path / "vit"), batch=4)
    assert done.returncode == 1
    assert done.stderr.count("values NaN or infinite, expected numbers; take another model") == 9
