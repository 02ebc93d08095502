"""The examiner under test: frozen features from what ships, and a head that the duel retrains.

    face_blend   two EfficientNet-Lite0, the means of their last channels (2 x 1280); the head is the mean of their two
                 last layers, and what comes out are two networks that take the place of the shipped ones
    generated    CLIP tokens of the whole view (13,824), when the model is pulled; the head is `photo_whole`, and what
                 comes out is heads.onnx with that column replaced

Another examiner is a class with these members, listed in EXAMINERS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from facevalue.examiners.face_blend.crop import FACE_MARGIN, face_crop, to_network
from facevalue.examiners.face_blend.examiner import FOLDER as BLEND_FOLDER
from facevalue.examiners.face_blend.examiner import MARGINS, NETWORK_FILES
from facevalue.examiners.generated.embed import ClipEmbedder
from facevalue.examiners.generated.examiner import CLIP_MODEL, HEADS_FILE, head_names
from facevalue.examiners.generated.examiner import FOLDER as HEADS_FOLDER
from facevalue.examiners.generated.heads import PHOTO_WHOLE, feature_vector
from facevalue.examiners.generated.views import whole_inputs, whole_view
from facevalue.lab.duel.head import Head
from facevalue.lab.duel.onnx_head import last_layer, with_features, with_last_layer
from facevalue.models import model_path
from facevalue.sessions import open_session

Pixels = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
BATCH = 32


class Examiner(Protocol):
    """name; forgers: the names of those that fight it; start: the head that ships; files: the weights it reads."""

    name: str
    forgers: tuple[str, ...]
    start: Head
    files: tuple[Path, ...]

    def features(self, pictures: Sequence[Pixels], boxes: Sequence[Box], thorough: bool) -> Features:
        """float32 (n, d). thorough: as an exhibit is examined; else one look, which is what forgers are tuned by."""

    def export(self, head: Head, folder: Path) -> list[Path]:
        """Write the weights that this head makes of the shipped ones, under the shipped names."""


class FaceBlend:
    """See the module."""

    name = "face_blend"
    forgers: tuple[str, ...] = ("blend", "composite", "redraw", "retouch")

    def __init__(self, folder: Path = BLEND_FOLDER) -> None:
        self.files = tuple(folder / name for name in NETWORK_FILES)
        self._layers = [last_layer(path) for path in self.files]
        self._networks = [(open_session(model), name) for model, name in map(with_features, self.files)]
        weights = np.concatenate([layer.weight[:, 0] for layer in self._layers]) / len(self._layers)
        self.start = Head(weights, float(np.mean([layer.bias[0] for layer in self._layers])))

    def features(self, pictures: Sequence[Pixels], boxes: Sequence[Box], thorough: bool) -> Features:
        """See Examiner."""
        crops: list[Pixels] = []
        for pixels, box in zip(pictures, boxes, strict=True):
            cut = [face_crop(pixels, box, margin) for margin in (MARGINS if thorough else (FACE_MARGIN,))]
            crops += [*cut, np.ascontiguousarray(cut[1][:, ::-1])] if thorough else cut
        rows = [self._run(np.stack(crops[i : i + BATCH])) for i in range(0, len(crops), BATCH)]
        looks = np.concatenate(rows).reshape(len(pictures), -1, len(self.start.weight))
        return np.asarray(looks.mean(axis=1), np.float32)

    def _run(self, crops: Pixels) -> Features:
        faces = to_network(crops)
        found = [np.asarray(net.run([name], {"faces": faces})[0]) for net, name in self._networks]
        return np.asarray(np.concatenate([f.reshape(len(crops), -1) for f in found], axis=1), np.float32)

    def export(self, head: Head, folder: Path) -> list[Path]:
        """See Examiner. The head's change is given to both networks, whose mean is what is examined."""
        folder.mkdir(parents=True, exist_ok=True)
        change, shift, out, at = head.weight - self.start.weight, head.bias - self.start.bias, [], 0
        for path, layer in zip(self.files, self._layers, strict=True):
            width = len(layer.weight)
            weight = layer.weight + len(self._layers) * change[at : at + width, None]
            (folder / path.name).write_bytes(with_last_layer(path, weight, layer.bias + shift))
            out.append(folder / path.name)
            at += width
        return out


class Generated:
    """See the module."""

    name = "generated"
    forgers: tuple[str, ...] = ("repaint",)

    def __init__(self) -> None:
        clip = model_path(CLIP_MODEL)
        self.files: tuple[Path, ...] = (HEADS_FOLDER / HEADS_FILE, clip)
        self._embed = ClipEmbedder(clip)
        self._layer = last_layer(self.files[0])
        self._column = head_names().index(PHOTO_WHOLE)
        self.start = Head(self._layer.weight[:, self._column].copy(), float(self._layer.bias[self._column]))

    def features(self, pictures: Sequence[Pixels], boxes: Sequence[Box], thorough: bool) -> Features:
        """See Examiner; the whole picture is what is looked at."""
        rows = []
        for pixels in pictures:
            inputs = whole_inputs(whole_view(pixels))
            looks = [feature_vector(self._embed(x)) for x in (inputs if thorough else inputs[:1])]
            rows.append(np.mean(looks, axis=0))
        return np.stack(rows).astype(np.float32)

    def export(self, head: Head, folder: Path) -> list[Path]:
        """See Examiner."""
        folder.mkdir(parents=True, exist_ok=True)
        weight, bias = self._layer.weight.copy(), self._layer.bias.copy()
        weight[:, self._column], bias[self._column] = head.weight, head.bias
        (folder / HEADS_FILE).write_bytes(with_last_layer(self.files[0], weight, bias))
        return [folder / HEADS_FILE]


EXAMINERS: dict[str, Callable[[], Examiner]] = {"face_blend": FaceBlend, "generated": Generated}
