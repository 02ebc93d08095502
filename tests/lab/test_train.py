"""Training on a handful of faces: that it runs, resumes, exports what it trained and calibrates, not that it learns."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="needs the extra lab")
pytest.importorskip("onnx", reason="needs the extra lab")

from facevalue.examiners.face_blend.crop import FACE_CROP_PX, to_network  # noqa: E402
from facevalue.examiners.face_blend.tests import stand_in as blend_stand_in  # noqa: E402
from facevalue.examiners.generated.heads import FEATURES, Combiner, Evidence  # noqa: E402
from facevalue.examiners.generated.tests import stand_in  # noqa: E402
from facevalue.lab import calibrate_face_blend, facebank, train_face_blend, train_generated, train_residual  # noqa: E402
from facevalue.lab import data as layout  # noqa: E402
from facevalue.lab.efficientnet import BlendNet, load_imagenet  # noqa: E402
from facevalue.lab.reconstruct import UPSAMPLERS, ZOO, Autoencoder, reconstruct, train_zoo  # noqa: E402
from facevalue.opinion.calibrate import LogisticCalibration  # noqa: E402
from facevalue.opinion.metrics import auc  # noqa: E402

TINY = train_face_blend.BlendRecipe(steps=4, synthetic_pairs=2, swap_pairs=1, warmup=2)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bank(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[facebank.BankFace]:
    pairs = [s for pair in layout.swap_pairs(data) for s in pair]
    reals = [s for s in layout.faces(data) if s.label == 0]
    made = facebank.build([*pairs, *reals], tmp_path_factory.mktemp("bank") / "bank.npz")
    assert {f.label for f in made} == {0, 1}
    return made


# face_blend


def test_a_batch_pairs_every_fake_with_its_real(bank: list[facebank.BankFace]) -> None:
    images, labels, masks, known = train_face_blend.PairMaker(bank, 1).batch(TINY)
    assert images.shape == (6, 3, FACE_CROP_PX, FACE_CROP_PX)
    assert images.dtype == np.float32
    assert abs(images).max() <= 1
    assert labels.tolist() == [0, 1] * 3
    assert masks.shape == (6, FACE_CROP_PX // 8, FACE_CROP_PX // 8)
    assert not masks[labels == 0].any()
    assert masks[[1, 3]].max(axis=(1, 2)).min() > 0
    assert known.tolist() == [1, 1, 1, 1, 1, 0], "where real swaps put foreign pixels is not known"


def test_a_clip_is_held_out_whole(bank: list[facebank.BankFace]) -> None:
    sides: dict[str, set[bool]] = {}
    for face in bank:
        if face.pair:
            sides.setdefault(face.pair, set()).add(train_face_blend.held_out(face))
    assert all(len(answers) == 1 for answers in sides.values())
    assert {a for answers in sides.values() for a in answers} == {True, False}


def test_a_resumed_run_sees_the_batches_of_a_whole_one(bank: list[facebank.BankFace]) -> None:
    whole = list(train_face_blend._Batches(bank, TINY, 0))
    resumed = list(train_face_blend._Batches(bank, TINY, 2))
    assert len(whole) == 4
    assert len(resumed) == 2
    for a, b in zip(whole[2:], resumed, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_training_is_interrupted_resumed_and_exported(bank: list[facebank.BankFace], tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("step 4"):
            raise KeyboardInterrupt

    options = {"evaluate_every": 2}
    with pytest.raises(KeyboardInterrupt):
        train_face_blend.train(bank, None, tmp_path, TINY, report=interrupt, **options)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2
    said: list[str] = []
    network = train_face_blend.train(bank, None, tmp_path, TINY, report=said.append, **options)
    assert [line.split()[1] for line in said] == ["4"]
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4
    # What was exported is the average that the checkpoint holds.
    net = BlendNet()
    net.load_state_dict({k.removeprefix("module."): v for k, v in state["average"].items() if k.startswith("module.")})
    faces = to_network(np.stack([np.resize(f.face.pixels, (FACE_CROP_PX, FACE_CROP_PX, 3)) for f in bank[:3]]))
    with torch.inference_mode():
        logits, area = net.eval()(torch.from_numpy(faces))
    got = ort.InferenceSession(str(network), providers=["CPUExecutionProvider"]).run(
        ["logit", "mask"], {"faces": faces}
    )
    assert np.asarray(got[0]) == pytest.approx(logits.numpy(), abs=1e-3)
    assert np.asarray(got[1]) == pytest.approx(torch.sigmoid(area).numpy(), abs=1e-3)
    # A finished run does nothing more.
    train_face_blend.train(bank, None, tmp_path, TINY, report=said.append, **options)
    assert len(said) == 1


def test_nothing_held_out_is_nothing_to_evaluate() -> None:
    assert train_face_blend.evaluate(BlendNet(), [], torch.device("cpu")) == {}


def test_the_warm_start_fits_the_network(tmp_path: Path) -> None:
    state = BlendNet().state_dict()
    body = {k: v + 1 for k, v in state.items() if not k.startswith(("logit", "mask", "from"))}
    torch.save({**body, "_fc.weight": torch.zeros(1000, 1280)}, tmp_path / "imagenet.pth")
    net = BlendNet()
    assert load_imagenet(net, tmp_path / "imagenet.pth") == len(body)
    assert torch.equal(net.state_dict()["_conv_stem.weight"], body["_conv_stem.weight"])


def test_face_blend_is_calibrated_on_what_was_held_out(
    data: Path, bank: list[facebank.BankFace], tmp_path: Path
) -> None:
    network = blend_stand_in.network(tmp_path / "network.onnx", slope=2.0)
    written = calibrate_face_blend.calibrate(data, bank, [network], tmp_path, report=lambda line: None)
    assert {p.name for p in written} >= {"calibration.json", "split.json", "leave_one_out.json"}
    face = LogisticCalibration.from_dict(json.loads((tmp_path / "calibration.json").read_text())["face"])
    assert face.low is not None
    assert face.high is not None
    assert face.low <= 0 <= face.high
    split = json.loads((tmp_path / "split.json").read_text())
    assert split["question"] == "face_swapped"
    assert set(split["held_out"]) == {f.key for f in bank if calibrate_face_blend.for_bench(f)}


# The residual network and the reconstructions


def test_reconstructions_keep_the_frame() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (85, 67, 3), dtype=np.uint8)
    for i, kind in enumerate(UPSAMPLERS):
        out = reconstruct(Autoencoder(kind, downs=2 + i % 2).eval(), picture)
        assert out.shape == (80, 64, 3)
        assert out.dtype == np.uint8


@pytest.mark.slow
def test_the_zoo_is_kept_and_loaded(tmp_path: Path, portrait: np.ndarray) -> None:
    made = train_zoo([portrait], tmp_path, steps=3, report=lambda line: None)
    read = train_zoo([], tmp_path, report=lambda line: None)
    assert len(made) == len(read) == len(ZOO)
    for a, b in zip(made, read, strict=True):
        assert np.array_equal(reconstruct(a, portrait), reconstruct(b, portrait))


@pytest.mark.slow
def test_the_residual_network_trains_resumes_and_exports(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_residual, "train_zoo", functools.partial(train_zoo, steps=2))
    recipe = train_residual.ResidualRecipe(steps=4, matched_pairs=2, reconstructed_pairs=1)
    said: list[str] = []
    path = train_residual.train(list(layout.matched(data)), tmp_path, recipe, report=said.append)
    assert "mean AUC over held-out sources" in said[-1]
    net = train_residual.ResidualNet()
    net.load_state_dict(torch.load(tmp_path / "residual_checkpoint.pt", weights_only=True)["net"])
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for side in (224, 128):
        windows = np.random.default_rng(side).integers(0, 256, (2, 3, side, side)).astype(np.float32)
        with torch.inference_mode():
            expected = net.eval()(torch.from_numpy(windows)).numpy()
        assert np.asarray(session.run(["logit"], {"windows": windows})[0]) == pytest.approx(expected, abs=1e-3)
    said.clear()
    train_residual.train(list(layout.matched(data)), tmp_path, recipe, report=said.append)
    assert not said


def test_a_flat_window_has_a_finite_gradient() -> None:
    net = train_residual.ResidualNet()
    net(torch.full((2, 3, 64, 64), 128.0)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


# The heads


def _rows(count: int = 80) -> train_generated.Table:
    rng = np.random.default_rng(0)
    samples = [
        layout.Sample(Path(f"{i}.jpg"), f"source{i % 4}", i // 4 % 2, "made" if i // 4 % 2 else "-", "whole")
        for i in range(count)
    ]
    features = rng.normal(0, 1, (count, FEATURES)).astype(np.float32)
    features[:, :200] += np.array([s.label for s in samples])[:, None] * 1.5
    return train_generated.Table(features.astype(np.float16), samples, np.zeros(count, np.int64))


def test_sources_weigh_the_root_of_their_size_and_classes_alike() -> None:
    labels, sources = np.array([0] * 90 + [1] * 10 + [0, 1]), np.array(["large"] * 100 + ["small"] * 2)
    weights = train_generated.source_weights(labels, sources)
    large, small = sources == "large", sources == "small"
    assert weights[large & (labels == 0)].sum() == pytest.approx(weights[large & (labels == 1)].sum())
    assert weights[large].sum() / weights[small].sum() == pytest.approx((100 / 2) ** 0.5)


def test_a_source_is_left_out_whole_and_lone_ones_in_groups() -> None:
    labels = np.array([0, 1, 0, 0])
    folds = train_generated.folds_of(labels, np.array(["both", "both", "lone", "other"]))
    assert folds[0] == folds[1] == "both"
    assert all(fold.startswith("lone ") for fold in folds[2:])


def test_heads_find_the_signal_and_are_written_as_they_are(tmp_path: Path) -> None:
    rows = _rows()
    logits, head = train_generated.out_of_fold(rows, lambda line: None, "photo_whole")
    assert auc(logits, rows.labels) > 0.9
    train_generated.write_heads({"photo_whole": head, "other": head}, tmp_path / "heads.onnx")
    session = ort.InferenceSession(str(tmp_path / "heads.onnx"), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["heads"] == "photo_whole,other"
    x = rows.features.astype(np.float32)
    got = np.asarray(session.run(["logits"], {"features": x})[0])
    assert got[:, 0] == pytest.approx(head(x), abs=1e-3)
    assert np.array_equal(got[:, 0], got[:, 1])


@pytest.mark.slow
def test_everything_from_pictures_to_calibration(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages 1, 3 and 4 of `lab train generated` on the tiny data, with stand-ins for CLIP and the residual network."""
    clip, residual = stand_in.clip(tmp_path / "clip.onnx"), stand_in.residual(tmp_path / "residual.onnx")
    parts = train_generated.training_samples(data)
    said: list[str] = []
    for _ in range(2):  # the second time everything is found in the cache
        train_generated.extract_all(parts, clip, tmp_path / "cache", said.append)
    out = train_generated.train_heads(data, tmp_path / "cache", residual, tmp_path / "out", said.append)
    combiner = Combiner.load(out / "calibration.json")
    session = ort.InferenceSession(str(out / "heads.onnx"), providers=["CPUExecutionProvider"])
    heads = session.get_modelmeta().custom_metadata_map["heads"].split(",")
    assert set(heads) == {"photo_whole", "photo_window", *combiner.families}
    portraits = [dict.fromkeys(combiner.families, 0.5)]
    assert np.isfinite(combiner(Evidence(0.3, [0.1], [0.2], portraits, 3.0, 1.2)).log10_lr)
    split = json.loads((out / "split.json").read_text())
    assert split["question"] == "generated"
    assert split["held_out"]
