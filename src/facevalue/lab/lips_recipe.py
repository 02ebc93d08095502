"""`facevalue lab train lips`: a landmark network from a teacher's labels, then how lips and speech go together.

Reads DATA/images/{faces_real_*,faces_dfdc224} and DATA/videos/{real,fake}. The teacher is asked once (see
lab.landmark_teacher); an interrupted call goes on from what lies in the work folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from facevalue.errors import UsageError
from facevalue.examiners.lips.judge import CALIBRATION_FILE
from facevalue.examiners.lips.mouth import EYES_CROP_PX, lip_points, shape_of
from facevalue.examiners.lips.speech import Speech, speech_of
from facevalue.lab import landmark_bank, landmark_teacher, landmark_train, lips_calibrate
from facevalue.lab.landmark_train import Mouths
from facevalue.lab.lips_clips import collect
from facevalue.lab.lips_pairs import Example, Talker, examples, talkers
from facevalue.lab.voice_data import read_index, read_pcm
from facevalue.opinion.calibrate import soft_bound
from facevalue.sessions import session
from facevalue.sound.vad import speech_probability, speech_seconds

Report = Callable[[str], None]

RECORD_FILE, SPLIT_FILE = "leave_one_out.json", "split.json"
# Recordings of speech that lips are made to move to.
OTHER_GROUPS, OTHER_CLIPS = 16, 3
STILL_FACES, STILL_FRAMES = 60, 24
# Two are left out at a time.
MIN_SOURCES = 3


def train_lips(data: Path, out: Path, steps: int, threads: int, report: Report) -> list[Path]:
    """Train, pair, leave out, calibrate. Returns the files to install in the examiner's folder.

    steps: of the landmark network, 0 for the recipe's. threads: for it. Raises UsageError with too few sources
    of clips with speech.
    """
    import torch

    torch.set_num_threads(max(1, threads))
    out.mkdir(parents=True, exist_ok=True)
    report("finding faces")
    bank = landmark_bank.build(data, out, report)
    labels = landmark_teacher.ask(out / "faces.npy", out / "labels.npy")[: len(bank.points)]
    data_of_mouths = landmark_train.mouths(bank, labels)
    recipe = landmark_train.Recipe()
    recipe = replace(recipe, steps=steps) if steps else recipe
    landmark = landmark_train.train(data_of_mouths, out, recipe, report)
    network = session(landmark)
    landmarks = landmark_train.measured(data_of_mouths, lambda crops: lip_points(network, crops))
    report(json.dumps(landmarks))
    clips = talkers(collect(data, out / "clips", report), network)
    return [landmark, *calibrated(data, out, clips, still(data_of_mouths, network), landmarks, report)]


def calibrated(
    data: Path, out: Path, clips: list[Talker], still_gap: float, landmarks: dict[str, Any], report: Report
) -> list[Path]:
    """Fit on real clips, look at the fakes, and write calibration, record and split."""
    real, fake = [c for c in clips if not c.label], [c for c in clips if c.label]
    if len({c.source for c in real}) < MIN_SOURCES:
        raise UsageError(f"lips need real clips with speech of {MIN_SOURCES} sources at least")
    strangers = other_speech(data)
    made: list[Example] = []
    for clip in real:
        others = [c.speech for c in real if c.source != clip.source] + strangers
        made += examples(clip, others)
    report(f"{len(real)} real clips, {len(made)} pairs")
    rows, raw = lips_calibrate.left_out(real, made)
    judge = lips_calibrate.shipped(real, made, rows, raw, still_gap)
    low, high = judge.calibration.low, judge.calibration.high
    lrs = np.asarray(soft_bound(raw, low, high))
    found: dict[str, Any] = {
        "landmarks, people held out": landmarks,
        "bounds": [low, high],
        "sources left out": lips_calibrate.record(made, lrs, raw),
        "real clips as they are, source left out": lips_calibrate.said_left_out(rows, made, lrs),
        "fake clips as they are": lips_calibrate.said_of(judge, fake),
    }
    files = {CALIBRATION_FILE: judge.to_dict(), RECORD_FILE: found, SPLIT_FILE: split(real)}
    for name, value in files.items():
        (out / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    report(json.dumps(found["sources left out"]["whole clips: all"]))
    return [out / name for name in files]


def other_speech(data: Path) -> list[Speech]:
    """Speech of recordings without pictures: some clips of each of some groups of the pool, one after the other."""
    groups: dict[str, list[Path]] = {}
    for clip in read_index(data):
        if not clip.label:
            groups.setdefault(clip.group, []).append(clip.path)
    out = []
    for name in sorted(groups, key=lambda g: (-len(groups[g]), g))[:OTHER_GROUPS]:
        samples = np.concatenate([read_pcm(path) for path in groups[name][:OTHER_CLIPS]])
        probability = speech_probability(samples)
        if speech_seconds(probability) >= 2.0:
            out.append(speech_of(samples, 0.0, probability))
    return out


def still(mouths: Mouths, network: ort.InferenceSession) -> float:
    """The motion of the gap (90th less 10th percentile, eye distances) that still faces show to the network.

    Held-out faces as a still shot has them: the crop trembles as interpolated landmarks do, the sensor is noisy. The
    95th percentile over faces.
    """
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.flatnonzero(mouths.held))[:STILL_FACES]
    spans = []
    for row in rows:
        frames = np.stack([_trembling(mouths.wide[row], rng) for _ in range(STILL_FRAMES)])
        gap = shape_of(frames, lip_points(network, frames), EYES_CROP_PX)[:, 0]
        spans.append(float(np.percentile(gap, 90) - np.percentile(gap, 10)))
    return round(float(np.percentile(spans, 95)), 4)


def _trembling(wide: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    shift = rng.normal(0, 0.7, 2) - (landmark_train.WIDE_PX - 64) / 2
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    crop = cv2.warpAffine(wide, move, (64, 64), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(crop + rng.normal(0, 3, crop.shape), 0, 255), np.uint8)


def split(real: list[Talker]) -> dict[str, Any]:
    """Which clips the calibration rests on, by source, and which people the landmarks never saw."""
    sources = sorted({c.source for c in real})
    return {
        "question": "lips_mismatched",
        "held_out": [],  # what ships has learnt from all of it
        "calibration": {s: sorted(c.name for c in real if c.source == s) for s in sources},
        "landmarks_held_out": [*sorted(landmark_bank.HELD_OUT), "a fifth of the pictures of faces"],
    }


__all__ = ["calibrated", "train_lips"]
