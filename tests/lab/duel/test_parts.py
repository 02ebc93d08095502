"""The parts of a duel: laws, forgers, heads, last layers, the judge's figures, the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="needs the extra lab")
pytest.importorskip("scipy", reason="needs the extra lab")

from duel_small import portrait_of  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from facevalue.errors import ModelError, UsageError  # noqa: E402
from facevalue.faces import detect_faces  # noqa: E402
from facevalue.lab.blend import RealFace  # noqa: E402
from facevalue.lab.duel import judge  # noqa: E402
from facevalue.lab.duel.examiners import FaceBlend  # noqa: E402
from facevalue.lab.duel.forgers import FORGERS, finish, is_forgery  # noqa: E402
from facevalue.lab.duel.head import Head, retrain  # noqa: E402
from facevalue.lab.duel.onnx_head import last_layer, with_features, with_last_layer  # noqa: E402
from facevalue.lab.duel.other_blends import cut, pyramid  # noqa: E402
from facevalue.lab.duel.show import chart, lines, read  # noqa: E402
from facevalue.lab.duel.space import Choice, Law, Number, Space  # noqa: E402

SPACE: Space = {"size": Number(2.0, 6.0), "kind": Choice(("a", "b", "c"))}


# Laws


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_a_law_draws_inside_its_space_whatever_it_was_fitted_to(seed: int) -> None:
    rng = np.random.default_rng(seed)
    law = Law.open(SPACE)
    for _ in range(3):
        drawn = [law.draw(rng) for _ in range(8)]
        assert all(2 <= p["size"] <= 6 and p["kind"] in "abc" for p in drawn)
        law = law.refit(sorted(drawn, key=lambda p: p["size"])[:2])
        assert all(abs(sum(shares) - 1) < 1e-9 and min(shares) > 0 for shares in law.shares.values())
    assert Law.from_dict(SPACE, json.loads(json.dumps(law.to_dict()))) == law


def test_a_law_follows_the_best_and_widens_again() -> None:
    rng, law = np.random.default_rng(1), Law.open(SPACE)
    for _ in range(5):
        drawn = [law.draw(rng) for _ in range(40)]
        law = law.refit(sorted(drawn, key=lambda p: abs(p["size"] - 5) + (p["kind"] != "b"))[:8])
    assert abs(2 + 4 * law.numbers["size"][0] - 5) < 0.4
    assert law.shares["kind"][1] > 0.8
    assert "kind b" in law.words()
    wide = law.widened()
    assert wide.numbers["size"][1] > law.numbers["size"][1]
    assert wide.shares["kind"][1] < law.shares["kind"][1]


# Forgers


@pytest.fixture(scope="module")
def faces(portrait: np.ndarray) -> list[RealFace]:
    pictures = [portrait_of(portrait, seed, 200) for seed in (1, 2)]
    return [RealFace(p, detect_faces(p, max_faces=1)[0].landmarks) for p in pictures]


@pytest.mark.parametrize("name", sorted(FORGERS))
def test_a_forger_changes_what_its_mask_says_and_nothing_else(name: str, faces: list[RealFace]) -> None:
    forger = FORGERS[name]
    forged = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        params = Law.open(forger.space).draw(rng)
        made = forger.make(faces[0], faces[1], params, rng)
        assert made.pixels.shape == faces[0].pixels.shape
        assert np.array_equal(made.pixels[made.mask == 0], faces[0].pixels[made.mask == 0])
        forged += is_forgery(faces[0], made)
        done = finish(made.pixels, params, seed)
        assert done.shape == made.pixels.shape
        assert np.array_equal(done, finish(made.pixels, params, seed))
    assert forged, "none of six draws was a forgery"


def test_what_changes_nothing_is_no_forgery(faces: list[RealFace]) -> None:
    from facevalue.lab.duel.forgers import Forged

    everywhere = np.ones(faces[0].pixels.shape[:2], np.float32)
    assert not is_forgery(faces[0], Forged(faces[0].pixels, everywhere))
    assert not is_forgery(faces[0], Forged(255 - faces[0].pixels, everywhere * 0))


def test_the_judges_composites_are_composites(faces: list[RealFace]) -> None:
    for make in (pyramid, cut):
        made = make(faces[0], faces[1])
        apart = np.abs(made.astype(int) - faces[0].pixels).mean(axis=2)
        assert made.shape == faces[0].pixels.shape
        assert apart[90:130, 80:120].mean() > 2
        assert apart[:8, :8].mean() < 2


# Heads


def rows(seed: int, useful: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(160) % 2
    x = rng.normal(size=(160, 12)).astype(np.float32)
    x[:, 3] += useful * labels
    return x, labels, np.array([f"p{i // 2}" for i in range(160)])


def test_a_head_learns_what_can_be_learnt_and_leaves_alone_what_cannot() -> None:
    x, labels, groups = rows(1, 3.0)
    old = Head(np.eye(12)[0], 0.3)
    found = retrain(old, x, labels, np.ones(160), groups, 0)
    fresh, truth, _ = rows(2, 3.0)
    assert found.ridge is not None
    assert ((found.head(fresh) > 0) == truth).mean() > 0.85
    x, labels, groups = rows(3, 0.0)
    informative = Head(np.eye(12)[0] * 2, 0.0)
    x[:, 0] += 2 * labels - 1
    kept = retrain(informative, x, labels, np.ones(160), groups, 0)
    turned = kept.head.weight / np.linalg.norm(kept.head.weight)
    assert turned[0] > 0.9


def gemm(path: Path, width: int = 6, transposed: bool = True) -> Path:
    """features: the mean of the channels, times a vector; logit = a Gemm of that; mask as in face_blend."""
    weight = np.arange(1, width + 1, dtype=np.float32)[None] / 10
    nodes = [
        helper.make_node("ReduceMean", ["faces"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "spread"], ["pooled"]),
        helper.make_node("Gemm", ["pooled", "weight", "bias"], ["row"], transB=int(transposed)),
        helper.make_node("Squeeze", ["row", "one"], ["logit"]),
        helper.make_node("ReduceMean", ["faces"], ["mask"], axes=[1], keepdims=0),
    ]
    stored = {
        "one": np.array([1], np.int64),
        "spread": np.linspace(-1, 1, width, dtype=np.float32)[None],
        "weight": weight if transposed else weight.T,
        "bias": np.array([0.25], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("logit", "mask")],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


@pytest.mark.parametrize("transposed", [True, False])
def test_the_last_layer_is_found_and_replaced(tmp_path: Path, transposed: bool) -> None:
    path = gemm(tmp_path / "n.onnx", transposed=transposed)
    layer = last_layer(path)
    model, name = with_features(path)
    batch = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    features, logit = session.run([name, "logit"], {"faces": batch})
    assert np.allclose(features @ layer.weight[:, 0] + layer.bias, logit, atol=1e-5)
    other = with_last_layer(path, layer.weight * 2, layer.bias + 1)
    (again,) = ort.InferenceSession(other, providers=["CPUExecutionProvider"]).run(["logit"], {"faces": batch})
    assert np.allclose(again, 2 * (logit - 0.25) + 1.25, atol=1e-5)


def test_a_network_without_a_last_layer_is_refused(tmp_path: Path) -> None:
    model = onnx.load(str(gemm(tmp_path / "n.onnx")))
    del model.graph.node[3:5]
    onnx.save(model, str(tmp_path / "n.onnx"))
    with pytest.raises(ModelError, match="last linear layer"):
        last_layer(tmp_path / "n.onnx")


def test_exported_networks_say_what_the_head_says(tmp_path: Path, portrait: np.ndarray) -> None:
    for name in ("face_blend.onnx", "face_blend_swaps.onnx"):
        gemm(tmp_path / name)
    examiner = FaceBlend(tmp_path)
    pictures, boxes = [portrait_of(portrait, s) for s in (1, 2)], [(40.0, 40.0, 70.0, 80.0)] * 2
    head = Head(examiner.start.weight + 0.1, examiner.start.bias - 0.5)
    examiner.export(head, tmp_path / "out")
    again = FaceBlend(tmp_path / "out")
    for thorough in (False, True):
        x = examiner.features(pictures, boxes, thorough)
        assert x.shape == (2, 12)
        assert np.allclose(again.start(again.features(pictures, boxes, thorough)), head(x), atol=1e-4)


# The judge


def exhibits(seed: int) -> judge.Exhibits:
    rng = np.random.default_rng(seed)
    labels, groups = np.arange(200) % 2, np.array([f"p{i // 4}" for i in range(200)])
    x = rng.normal(size=(200, 2)).astype(np.float32)
    x[:, 0] += 2 * labels
    return judge.Exhibits(x, labels, np.where(np.arange(200) < 100, "one", "two"), groups)


def test_the_judge_sees_a_gain_and_does_not_see_one_where_there_is_none() -> None:
    fixed, good, bad = exhibits(1), Head(np.array([1.0, 0.0]), 0.0), Head(np.array([0.0, 1.0]), 0.0)
    figures = judge.verdict(good, fixed)
    assert set(figures) == {"one", "two", "all"}
    value, low, high = figures["all"]["auc"]
    assert low < value < high
    assert value > 0.85
    assert judge.difference(good, bad, fixed)[1] > 0
    assert judge.difference(good, good, fixed) == (0.0, 0.0, 0.0)
    assert judge.difference(bad, good, fixed)[2] < 0


def test_a_threshold_lets_one_in_a_hundred_pass_and_alarms_are_counted_at_it() -> None:
    head, guarded = Head(np.array([1.0]), 0.0), np.arange(1000, dtype=np.float32)[:, None]
    bar = judge.threshold(head, guarded)
    assert 985 <= bar <= 995
    clean = judge.Exhibits(guarded, np.zeros(1000, int), np.array(["clean"] * 1000), np.arange(1000).astype(str))
    share, low, high = judge.alarms(head, clean, bar)
    assert low < share < high
    assert share == pytest.approx(0.01, abs=0.003)
    assert judge.alarm_difference((head, bar - 200), (head, bar), clean)[1] > 0


# The page


RECORD = {
    "schema": "facevalue.duel/1",
    "rounds": [
        {
            "round": n,
            "judge": {k: {"auc": [0.7, 0.6, 0.8], "recall_at_1": [0.2, None, None]} for k in ("swaps", "all")},
            "clean": {"auc": [0.7, 0.6, 0.8], "recall_at_1": [0.2, 0.1, 0.3]},
            "clean_false_alarms": [0.01, 0.0, 0.02],
            **({"judge_gain": [0.01, 0.0, 0.02], "improved": True} if n else {}),
            "forgers": {"<b>": {"evasion": [1, 0, 1], "evasion_after": [0, 0, 1], "slipped": 3, "of": 4, "law": "x"}},
        }
        for n in (0, 1)
    ],
    "why": "round 1 is the last that improved the judge",
}


def test_the_table_and_the_chart() -> None:
    text = "\n".join(lines(RECORD))
    assert "+0.010 [+0.000, +0.020] kept" in text
    assert "3 of 4 slipped through" in text
    assert chart(RECORD).startswith(b"\x89PNG")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": "facevalue.duel/1", "rounds": 7}', b"[" * 99_999])
def test_a_record_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "duel.json").write_bytes(content)
    with pytest.raises(UsageError):
        read(tmp_path)


def test_a_record_with_nonsense_inside_is_refused() -> None:
    with pytest.raises(UsageError, match="not the record"):
        lines({"rounds": [{"round": "x", "judge": []}]})
