"""fv.check and fv.check_many as a caller meets them: any file in, one examination out."""

from __future__ import annotations

import importlib
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import facevalue as fv
from facevalue.examiners.base import Subject
from facevalue.finding import Finding, Question, Region, Status, Verdict
from facevalue.reports.json import load_schema

examine = importlib.import_module("facevalue.examine")

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"/></rdf:RDF></x:xmpmeta>'
)
# A ComfyUI graph that only loads, resizes and saves: it may have touched a photograph, it made nothing.
RESIZE_GRAPH = json.dumps(
    {
        "1": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "width": 320}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
)
ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "BMP": "bmp", "GIF": "gif"}
VIDEO = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 500

Encode = Callable[..., bytes]
Pixels = np.ndarray


def _png_with(pixels: Pixels, **text: str) -> bytes:
    info, buffer = PngInfo(), io.BytesIO()
    for key, value in text.items():
        info.add_text(key, value)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _without_timings(exam: fv.Examination) -> str:
    record = exam.to_dict()
    del record["timings_s"]
    return json.dumps(record)


def _validate(exam: fv.Examination) -> None:
    pytest.importorskip("jsonschema").validate(json.loads(exam.to_json()), load_schema())


class Told:
    """An examiner that answers what it is told: first for the exhibit, then for each copy (the last one repeats)."""

    name, question, reads_pixels, folder = "told", Question.GENERATED, True, Path()

    def __init__(self, *log10_lrs: float) -> None:
        self.answers = itertools.chain(log10_lrs, itertools.repeat(log10_lrs[-1]))

    def examine(self, subject: Subject) -> Finding:
        lr = next(self.answers)
        status = Status.FOUND if lr >= 1 else Status.CLEAR
        return Finding(self.name, self.question, status, "told so", 0.5, lr, (Region("box", "here", box=(0, 0, 9, 9)),))

    def weights(self) -> Mapping[str, str]:
        return {"told.onnx": "0" * 64}


class Broken(Told):
    name = "broken"

    def examine(self, subject: Subject) -> Finding:
        raise RuntimeError(f"cannot open {Path.home()}/secret/weights.onnx at {id(self):#x}")


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Examine with these examiners alone."""
    return lambda *examiners: monkeypatch.setattr(examine, "installed_examiners", lambda: examiners)


# What comes in


@pytest.mark.parametrize("form", list(ENDINGS))
def test_every_format_gives_json_that_validates(form: str, portrait: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(portrait, form), name=f"astronaut.{ENDINGS[form]}")
    _validate(exam)
    record = exam.to_dict()["exhibit"]
    assert (record["kind"], record["width"], record["height"]) == ("image", 512, 512)
    assert record["frames_examined"] == 1
    assert len(exam.faces) == 1
    assert exam.opinion.verdict is not Verdict.UNEXAMINED


def test_the_same_exhibit_gives_the_same_json(portrait: Pixels, encode: Encode) -> None:
    data = encode(portrait, "JPEG", quality=88)
    assert _without_timings(fv.check(data)) == _without_timings(fv.check(data))


def test_a_path_bytes_and_a_file_object_are_one_exhibit(portrait: Pixels, encode: Encode, tmp_path: Path) -> None:
    data, path = encode(portrait, "JPEG"), tmp_path / "a.jpg"
    path.write_bytes(data)
    with path.open("rb") as stream:
        from_stream = fv.check(stream)
    exams = [fv.check(path), fv.check(str(path)), fv.check(data, name="a.jpg"), from_stream]
    assert len({_without_timings(exam) for exam in exams}) == 1
    assert path.read_bytes() == data
    assert str(tmp_path) not in exams[0].to_json()


def test_what_cannot_be_read_is_an_examination_that_says_so(tmp_path: Path, portrait: Pixels, encode: Encode) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(encode(portrait, "JPEG"))
    closed = picture.open("rb")
    closed.close()
    with picture.open(encoding="utf-8") as text:
        cases: dict[str, Any] = {
            "No such file": tmp_path / "missing.jpg",
            "is a folder": tmp_path,
            "text stream": text,
            "closed file": closed,
            "file is empty": b"",
            "neither a path": 7,
            "not a usable path": "a\0b.jpg",
        }
        for wanted, source in cases.items():
            exam = fv.check(source)
            assert exam.opinion.verdict is Verdict.UNEXAMINED, wanted
            assert wanted in " ".join(exam.opinion.reasons)
            assert exam.not_examined
            assert exam.opinion.log10_lr is None
            assert str(tmp_path) not in exam.to_json()
            _validate(exam)


def test_a_text_stream_that_happens_to_decode_is_refused_too() -> None:
    exam = fv.check(io.StringIO("P3 1 1 255 0 0 0"))  # type: ignore[arg-type]
    assert "binary mode" in exam.opinion.reasons[0]


def test_a_clip_without_an_index_says_so() -> None:
    exam = fv.check(VIDEO, name="clip.jpg")
    assert (exam.kind, exam.exhibit.media_type, exam.opinion.verdict) == ("video", "video/mp4", Verdict.UNEXAMINED)
    assert "no index" in exam.opinion.reasons[0]
    _validate(exam)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 not a picture", b"\x89PNG\r\n\x1a\n" + bytes(64), b"hello\n" * 9])
def test_a_corrupt_file_is_one_unexamined_examination(data: bytes) -> None:
    exam = fv.check(data)
    assert exam.opinion.verdict is Verdict.UNEXAMINED
    assert exam.picture is None
    assert exam["media"].status is Status.FAILED
    assert "Traceback" not in exam.to_json()
    _validate(exam)


def test_a_truncated_picture_is_examined_as_far_as_it_decodes(portrait: Pixels, encode: Encode) -> None:
    data = encode(portrait, "JPEG", quality=90)
    exam = fv.check(data[: len(data) * 6 // 10])
    assert exam.picture is not None
    assert exam.picture.truncated
    assert 0.3 < exam.opinion.quality["decoded_fraction"] < 0.9
    assert any("cut off" in reason for reason in exam.opinion.reasons)
    assert exam.opinion.verdict is not Verdict.UNEXAMINED
    _validate(exam)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (16, 4000), (4000, 17), (63, 64)])
def test_odd_sizes_are_examined_without_a_fault(size: tuple[int, int], encode: Encode) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    exam = fv.check(encode(noise, "PNG"))
    assert Status.FAILED not in {finding.status for finding in exam.findings}
    _validate(exam)


def test_limits_are_kept(portrait: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(portrait, "PNG"), limits=fv.Limits(pixels=10_000))
    assert exam.opinion.verdict is Verdict.UNEXAMINED
    assert "limit" in exam.opinion.reasons[0]


# Questions


def test_only_the_questions_asked_are_answered(portrait: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(portrait, "JPEG"), questions=["face_swapped"])
    assert {f.question for f in exam.findings} == {Question.FACE_SWAPPED, Question.PROVENANCE}
    assert "edited" not in dict(exam.not_examined)


def test_a_declaration_is_read_whatever_is_asked(drawing: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(drawing, "JPEG", xmp=XMP.encode()), questions=["generated"])
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC


@pytest.mark.parametrize("questions", [["nonsense"], [], "generated", ["generated", "nonsense"]])
def test_an_unknown_question_is_a_usage_error(questions: Any) -> None:
    with pytest.raises(fv.UsageError, match="face_swapped"):
        fv.check(b"", questions=questions)
    with pytest.raises(fv.UsageError):
        fv.check_many([b""], questions=questions)


# Declarations


def test_a_declared_picture_is_declared_synthetic(drawing: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(drawing, "JPEG", xmp=XMP.encode()))
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert COMPOSITE in exam.opinion.reasons[0]
    assert exam.provenance["declarations"][0]["value"] == COMPOSITE
    _validate(exam)


def test_a_declaration_outlives_the_pixels(drawing: Pixels, encode: Encode) -> None:
    data = encode(drawing, "JPEG", xmp=XMP.encode())
    exam = fv.check(data[: data.index(b"\xff\xda")])
    assert exam.picture is None
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    _validate(exam)


def test_a_hint_is_not_a_declaration(drawing: Pixels) -> None:
    exam = fv.check(_png_with(drawing, prompt=RESIZE_GRAPH))
    fields = [r for r in exam["metadata"].regions if r.details.get("strength") == "hint"]
    assert fields, "the graph should be reported"
    assert exam.opinion.verdict is not Verdict.DECLARED_SYNTHETIC
    assert not any("declares that a model" in reason for reason in exam.opinion.reasons)


# Faces and models


def test_two_faces_are_both_reported(portrait: Pixels, encode: Encode) -> None:
    exam = fv.check(encode(np.hstack([portrait[:300], portrait[:300]]), "PNG"))
    assert len(exam.faces) == 2
    assert len(exam.opinion.quality["faces"]) == 2
    right, left = sorted((f.box for f in exam.faces), reverse=True)
    assert right[0] - left[0] == pytest.approx(512, abs=4)
    assert right[2:] == pytest.approx(left[2:], rel=0.05)


def test_a_small_face_is_inapplicable_with_the_reason(
    portrait: Pixels, encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from facevalue.examiners.face_blend import examiner
    from facevalue.examiners.face_blend.tests import stand_in

    monkeypatch.setattr(examiner, "FOLDER", stand_in.install(tmp_path))
    examiner.calibration.cache_clear()
    small = np.asarray(Image.fromarray(portrait).resize((224, 224), Image.Resampling.LANCZOS))
    exam = fv.check(encode(small, "PNG"))
    examiner.calibration.cache_clear()
    assert 30 < exam.faces[0].size_px < 50
    finding = exam["face_blend"]
    assert finding.status is Status.INAPPLICABLE
    assert finding.log10_lr is None
    assert "below 64 px" in finding.why
    assert ("face_blend", finding.why) in exam.not_examined
    assert exam.opinion.by_question["face_swapped"].status == "unexamined"


def test_a_missing_model_is_inapplicable_and_says_what_to_run(
    portrait: Pixels, encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from facevalue.examiners.generated import examiner
    from facevalue.examiners.generated.tests import stand_in

    monkeypatch.setattr(examiner, "FOLDER", stand_in.install(tmp_path / "weights"))
    monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
    exam = fv.check(encode(portrait, "JPEG"))
    finding = exam["generated"]
    assert finding.status is Status.INAPPLICABLE
    assert (finding.score, finding.log10_lr) == (None, None)
    assert "run facevalue models pull" in finding.why
    assert exam.opinion.by_question["generated"].log10_lr is None
    assert "clip-vit-b16-int8" not in exam.weights


# Weighing, stability and failures, seen from outside


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ((3.4,), Verdict.FAKE),
        ((1.4,), Verdict.SUSPECT),
        ((3.4, 1.2), Verdict.SUSPECT),
        ((1.4, 0.2), Verdict.INCONCLUSIVE),
        ((0.2,), Verdict.NO_SIGNS),
        ((-2.0,), Verdict.NO_SIGNS),
    ],
)
def test_evidence_must_survive_a_re_encode(
    answers: tuple[float, ...], verdict: Verdict, drawing: Pixels, encode: Encode, only: Callable[..., None]
) -> None:
    only(Told(*answers))
    exam = fv.check(encode(drawing, "PNG"))
    assert exam.opinion.verdict is verdict
    assert exam.opinion.log10_lr == pytest.approx(answers[-1])
    assert exam.weights == {"told.onnx": "0" * 64}
    _validate(exam)


def test_a_failing_examiner_costs_one_finding_and_leaks_no_path(
    drawing: Pixels, encode: Encode, only: Callable[..., None]
) -> None:
    only(Broken(0.0), Told(1.4))
    exam = fv.check(encode(drawing, "PNG"))
    assert exam["broken"].status is Status.FAILED
    assert exam["broken"].why == "the examiner failed (RuntimeError)"
    assert str(Path.home()) not in exam.to_json()
    assert exam.opinion.verdict is Verdict.SUSPECT


def test_a_finding_is_looked_up_by_name(drawing: Pixels, encode: Encode, only: Callable[..., None]) -> None:
    only(Told(0.1))
    exam = fv.check(encode(drawing, "PNG"))
    assert exam["told"].why == "told so"
    with pytest.raises(KeyError):
        exam["nobody"]


# Many


def test_many_yields_every_source_in_any_order(drawing: Pixels, encode: Encode, tmp_path: Path) -> None:
    good = []
    for i in range(3):
        good.append(tmp_path / f"{i}.png")
        good[-1].write_bytes(encode(drawing, "PNG"))
    bad = [tmp_path / "missing.png", tmp_path, b"\xff\xd8\xff broken", VIDEO, 7]
    exams = list(fv.check_many([*good, *bad], workers=2))  # type: ignore[list-item]
    assert len(exams) == 8
    assert {e.exhibit.name for e in exams} >= {"0.png", "1.png", "2.png", "missing.png"}
    assert sum(e.opinion.verdict is Verdict.UNEXAMINED for e in exams) == 5


def test_many_agrees_with_one(portrait: Pixels, drawing: Pixels, encode: Encode) -> None:
    data = [encode(portrait, "JPEG"), encode(drawing, "JPEG"), encode(portrait, "PNG")]
    many = {e.exhibit.sha256: _without_timings(e) for e in fv.check_many(data, workers=2)}
    assert many == {(e := fv.check(d)).exhibit.sha256: _without_timings(e) for d in data}


@pytest.mark.parametrize("workers", [0, -1])
def test_many_needs_a_worker(workers: int) -> None:
    with pytest.raises(fv.UsageError, match="workers"):
        fv.check_many([], workers=workers)


def test_many_takes_no_more_than_it_needs_of_an_endless_source() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"hello"

    stream = fv.check_many(endless(), workers=2)
    assert [next(stream).opinion.verdict for _ in range(6)] == [Verdict.UNEXAMINED] * 6
    stream.close()  # type: ignore[attr-defined]
    assert taken <= 6 + 2 * 2 * 2


def test_many_of_nothing_is_nothing() -> None:
    assert list(fv.check_many([])) == []
