"""Reference outputs: what an examination says about drawn files, compared with text that a person has read.

Scores of learned examiners move with every training and are measured by the bench, so they are left out here.
`make golden` writes the references anew.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import facevalue as fv

PARAMETERS = "a lighthouse at dusk\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 320x240, Model: example"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"/></rdf:RDF></x:xmpmeta>'
)


pytestmark = pytest.mark.skipif(
    not entry_points(group="facevalue.examiners"),
    reason="examiners are found by their entry points: the package is on the path but not installed",
)


def _png(pixels: Any, **text: str) -> bytes:
    info, buffer = PngInfo(), io.BytesIO()
    for key, value in text.items():
        info.add_text(key, value)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _settled(exam: fv.Examination) -> str:
    """The parts of an examination that rest on the file alone, as readable JSON."""
    whole = exam.to_dict()
    kept = {
        "schema": whole["schema"],
        "exhibit": {key: value for key, value in whole["exhibit"].items() if key not in {"sha256", "bytes"}},
        "verdict": whole["opinion"]["verdict"],
        "metadata": next((f for f in whole["findings"] if f["examiner"] == "metadata"), None),
    }
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def exhibits(drawing: Any, encode: Callable[..., bytes]) -> dict[str, bytes]:
    return {
        "declared_by_parameters": _png(drawing, parameters=PARAMETERS),
        "declared_by_iptc": encode(drawing, "JPEG", quality=90, xmp=XMP.encode()),
        "broken": b"\xff\xd8\xff\xe0 not a picture",
        "empty": b"",
    }


@pytest.mark.parametrize("name", ["declared_by_parameters", "declared_by_iptc", "broken", "empty"])
def test_examination_matches_its_reference(
    name: str, exhibits: dict[str, bytes], golden: Callable[[str, str], None]
) -> None:
    golden(f"{name}.json", _settled(fv.check(exhibits[name])))


def test_equal_exhibits_give_equal_json(exhibits: dict[str, bytes]) -> None:
    first, second = (fv.check(exhibits["declared_by_iptc"]).to_dict() for _ in range(2))
    for examination in (first, second):
        del examination["timings_s"]
    assert json.dumps(first) == json.dumps(second)
