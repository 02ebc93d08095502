"""`facevalue lab train voice`: from the pool of clips to weights, calibration and a record of how they did.

Every clip is judged by a machine that was trained without its page, its recording condition and its utterance
(voice_data.assign_folds); calibration and record rest on these judgements alone. What ships is trained on everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.segments import SEGMENT_SAMPLES
from facevalue.lab import voice_calibrate, voice_edits, voice_record
from facevalue.lab.voice_cache import JUDGED, VIEWS, Seen, build, folder, seed_of, seen_of, whole
from facevalue.lab.voice_channel import CHANNELS
from facevalue.lab.voice_data import Clip, balance, read_index
from facevalue.lab.voice_machine import Judge, Machine, export, train

MODEL_FILE, CALIBRATION_FILE, RECORD_FILE = "voice.onnx", "calibration.json", "leave_one_out.json"
SPLIT_FILE = "split.json"
# Every so many clips go through the named channels.
CHANNEL_SHARE = 12

Floats = npt.NDArray[np.float32]
Report = Callable[[str], None]


def train_voice(data: Path, out: Path, threads: int, report: Report) -> list[Path]:
    """Train, judge on left-out pages, calibrate and export. Returns the files to install in the examiner's folder.

    data: holds audio/index.tsv. out: work folder; an interrupted call goes on from what lies there. threads: processes
    that make statistics. Raises UsageError when the pool is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    clips = read_index(data)
    report(f"{len(clips)} clips")
    seen = build(clips, out, max(1, threads), report)
    report("training without each fold in turn")
    judges = {fold: fitted(clips, seen, fold) for fold in sorted({clip.fold for clip in clips})}
    judged = seen.judged()
    margins = out_of_fold(clips, judged, judges)
    gain, offset = voice_calibrate.gain_of(clips, margins)
    logits = gain * margins + offset
    report("partial edits")
    made = voice_edits.recordings(clips)
    looks = [voice_edits.kept(recording, folder(clips, out)) for recording in made]
    heard = [
        voice_edits.heard(r, look, gain * judges[r.fold].margins(look.statistics) + offset)
        for r, look in zip(made, looks, strict=True)
    ]
    result = voice_calibrate.fit(clips, logits, judged, heard)
    record = voice_record.record(clips, logits, judged, result)
    record["partial_edits"] = voice_record.edits(result, made, heard)
    report(json.dumps({name: record[name] for name in ("pooled", "by_fold", "partial_edits")}))
    record["channels"] = _channels(clips, judges, folder(clips, out), report)
    for name, content in ((CALIBRATION_FILE, result.to_dict()), (RECORD_FILE, record), (SPLIT_FILE, split_of(clips))):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    report("training on everything")
    shipped = Judge(fitted(clips, seen, None), gain, offset)
    return [export(shipped, out / MODEL_FILE), *(out / name for name in (CALIBRATION_FILE, RECORD_FILE, SPLIT_FILE))]


def split_of(clips: Sequence[Clip]) -> dict[str, Any]:
    """What each fold leaves out, JSON-ready: recording conditions and systems. What ships was fitted on all folds."""
    folds = {
        str(fold): {
            "conditions": sorted({c.group for c in clips if c.fold == fold and not c.label}),
            "systems": sorted({c.system for c in clips if c.fold == fold and c.label}),
        }
        for fold in sorted({clip.fold for clip in clips})
    }
    return {"question": "voice_synthetic", "held_out": [], "folds": folds}


def fitted(clips: Sequence[Clip], seen: Seen, left_out: int | None) -> Machine:
    """A machine trained on all views of all clips but those of one fold; strata weigh the root of their size."""
    mine = [i for i, clip in enumerate(clips) if clip.fold != left_out]
    share = balance([clips[i] for i in mine])
    weight = np.repeat(share / share.mean(), VIEWS).astype(np.float32)
    labels = np.repeat([clips[i].label for i in mine], VIEWS)
    return train(seen.statistics[mine].reshape(len(mine) * VIEWS, -1), labels, weight)


def out_of_fold(clips: Sequence[Clip], seen: Seen, judges: Mapping[int, Machine]) -> Floats:
    """Margins, float32 (n, JUDGED), each by the machine that never saw the clip's fold."""
    out = np.zeros((len(clips), JUDGED), np.float32)
    for fold, judge in judges.items():
        mine = [i for i, clip in enumerate(clips) if clip.fold == fold]
        values = seen.statistics[mine]
        out[mine] = judge.margins(values.reshape(-1, values.shape[-1])).reshape(len(mine), JUDGED)
    return out


def _channels(
    clips: Sequence[Clip], judges: Mapping[int, Machine], kept: Path, report: Report
) -> dict[str, dict[str, object]]:
    """EER of every twelfth clip through each named channel, neural codecs left out."""
    some = [clip for clip in clips if not clip.codec][::CHANNEL_SHARE]
    labels = np.array([clip.label for clip in some])
    rows = {}
    for name, step in CHANNELS.items():
        path = kept / f"channel-{re.sub(r'[^A-Za-z0-9]+', '-', name)}.npy"
        if not path.is_file():
            waves = (step(whole(c), np.random.default_rng(seed_of(c)))[:SEGMENT_SAMPLES] for c in some)
            np.save(path, np.stack([seen_of(wave)[0] for wave in waves]))
        values = np.load(path)
        scores = np.zeros(len(some), np.float32)
        for fold, judge in judges.items():
            mine = [i for i, clip in enumerate(some) if clip.fold == fold]
            scores[mine] = judge.margins(values[mine])
        rows[name] = voice_record.against(scores[labels == 1], scores[labels == 0])
        report(f"channel {name}: EER {rows[name]['eer']}")
    return rows


__all__ = ["train_voice"]
