"""`facevalue lab train voice`: from the pool of clips to weights, calibration and a record of how they did."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.lab import voice_calibrate, voice_svm
from facevalue.lab.voice_cache import VARIANTS, Bytes, Item, build, items, restored
from facevalue.lab.voice_data import read_index
from facevalue.lab.voice_judge import Judge, export
from facevalue.lab.voice_train import Recipe, load, logits, train_fold

# The folds that a network is trained for, which leaves them out: two of four, the two with most recording conditions,
# so that an hour of two cores is enough. With all four every clip is judged by a network that never saw its page.
JUDGED = (2, 3)
NETWORK_FILE, CALIBRATION_FILE, RECORD_FILE = "voice.onnx", "calibration.json", "leave_pages_out.json"


def train_voice(data: Path, out: Path, steps: int, threads: int, report: Callable[[str], None]) -> list[Path]:
    """Train, judge on left-out pages, calibrate and export. Returns the files to install in the examiner's folder.

    data: holds audio/index.tsv. out: work folder; an interrupted call goes on from what lies there. steps: of each
    network, 0 for the recipe's. threads: networks trained side by side, each on one thread. Raises UsageError when
    the pool is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    clips = read_index(data)
    wanted = items(clips)
    report(f"{len(clips)} clips, {len(wanted) - len(clips)} splices")
    spectra, path = build(wanted, out, max(1, threads), report)
    recipe = Recipe(cycles=(steps,)) if steps else Recipe()
    made: dict[int, Path] = {}
    with ProcessPoolExecutor(max(1, threads), mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = {pool.submit(_fold, wanted, path, fold, out, recipe): fold for fold in JUDGED}
        for job in as_completed(jobs):
            made[jobs[job]] = job.result()
            report(f"fold {jobs[job]} is trained")
    networks = {fold: load(path) for fold, path in sorted(made.items())}
    values = _statistics(wanted, spectra, out)
    report("training the machines on statistics")
    machines = {fold: voice_svm.train(wanted, values, _others(wanted, fold)) for fold in networks}
    final = voice_svm.train(wanted, values, range(len(wanted)))
    report("scoring what was not seen")
    unseen = [i for i, item in enumerate(wanted) if item.clip.fold in networks]
    heard, views = [wanted[i] for i in unseen], spectra[unseen]
    parts = np.stack(
        [
            (
                voice_svm.margins(machines[wanted[i].clip.fold], values[i]),
                logits(networks[wanted[i].clip.fold], restored(spectra[i])),
            )
            for i in unseen
        ]
    )
    mix = voice_calibrate.mixture(heard, parts)
    judges = {fold: Judge([networks[fold]], machines[fold], mix).eval() for fold in networks}
    channels = voice_calibrate.channel_scores([c for c in clips if c.fold in networks], judges, report)
    scores = mix.logits(parts)
    result = voice_calibrate.fit(heard, scores, views)
    record = voice_calibrate.record(heard, scores, channels, result)
    record["alone"] = voice_calibrate.alone(heard, parts)
    record["mixture"] = {"statistics": mix.statistics, "network": mix.network, "bias": mix.bias}
    (out / CALIBRATION_FILE).write_text(json.dumps(result.to_dict(), indent=1) + "\n", encoding="utf-8")
    (out / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    report(json.dumps(record["pooled"]))
    shipped = Judge(list(networks.values()), final, mix)
    return [export(shipped, out / NETWORK_FILE), out / CALIBRATION_FILE, out / RECORD_FILE]


def _others(wanted: list[Item], fold: int) -> list[int]:
    return [i for i, item in enumerate(wanted) if item.clip.fold != fold]


def _statistics(wanted: list[Item], spectra: Bytes, out: Path) -> npt.NDArray[np.float32]:
    path = out / "statistics.npy"
    if not path.is_file():
        np.save(path, voice_svm.statistics_of(wanted, spectra))
    values: npt.NDArray[np.float32] = np.load(path)
    return values


def _fold(wanted: list[Item], spectra: Path, fold: int, out: Path, recipe: Recipe) -> Path:
    from facevalue.examiners.voice.frontend import BANDS, WINDOW_FRAMES

    store = np.memmap(spectra, np.uint8, "r", shape=(len(wanted), VARIANTS, WINDOW_FRAMES, BANDS))
    log = out / f"fold{fold}.log"

    def write(line: str) -> None:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    return train_fold(wanted, store, fold, out, recipe, write)


__all__ = ["train_voice"]
