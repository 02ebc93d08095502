"""The voice lab: the pool and its split, channels, cache, training, calibration. Sounds are made by code."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs facevalue[lab]")
pytest.importorskip("scipy", reason="needs facevalue[lab]")

from facevalue.errors import UsageError
from facevalue.examiners.voice.statistics import FAMILIES, SIZE
from facevalue.examiners.voice.tests.make_speech import RATE, speech_like
from facevalue.lab import voice_cache, voice_channel, voice_data, voice_edits, voice_machine, voice_record
from facevalue.lab.voice_recipe import train_voice


def write_flac(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pages, each with two real clips and two "spoofs" (the same sound, coarsely quantised), one pair a page."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "audio"
    folder.mkdir()
    lines = ["file\tlabel\tsystem\tgroup\tsource\tlanguage\tpair"]
    for page in range(8):
        for take in range(2):
            samples = speech_like(3.4, seed=10 * page + take)
            coarse = (samples // 1024 * 1024).astype(np.int16)
            pair = f"p{page}" if take == 0 else ""
            for label, sound in (("bonafide", samples), ("spoof", coarse)):
                name = f"{label}_{page}{take}.flac"
                write_flac(folder / name, sound)
                system = "-" if label == "bonafide" else f"system{page}"
                lines.append(f"{name}\t{label}\t{system}\t{label}{page}\towner/page{page}:{name}\ten\t{pair}")
    lines.append("absent.flac\tspoof\tx\tx\tx:x\t\t")
    (folder / "index.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


def test_the_split_keeps_pages_groups_and_pairs_together(pool: Path):
    clips = voice_data.read_index(pool)
    assert len(clips) == 32
    for key in ("page", "group", "pair"):
        by: dict[str, set[int]] = {}
        for clip in clips:
            if getattr(clip, key):
                by.setdefault(getattr(clip, key), set()).add(clip.fold)
        assert all(len(folds) == 1 for folds in by.values())
    for fold in range(voice_data.FOLDS):
        assert {clip.label for clip in clips if clip.fold == fold} == {0, 1}
    assert clips == voice_data.assign_folds(clips)
    assert len(voice_data.pairs(clips)) == 8


def test_a_pair_across_pages_joins_them():
    def clip(page: str, group: str, pair: str) -> voice_data.Clip:
        return voice_data.Clip(Path(f"{page}{group}.flac"), 0, "-", group, page, "", pair)

    made = voice_data.assign_folds(
        [clip("a", "g1", "x"), clip("b", "g2", "x"), clip("c", "g2", ""), clip("d", "g3", "")]
    )
    assert made[0].fold == made[1].fold == made[2].fold != made[3].fold


def test_balance_gives_each_class_half_and_small_groups_more(pool: Path):
    clips = voice_data.read_index(pool)
    weight = voice_data.balance(clips)
    assert weight.sum() == pytest.approx(1.0)
    assert sum(w for w, c in zip(weight, clips, strict=True) if c.label) == pytest.approx(0.5)


def test_codec_resynthesis_is_told_apart():
    def clip(system: str) -> voice_data.Clip:
        return voice_data.Clip(Path("a.flac"), 1, system, "g", "p", "", "")

    assert clip("EnCodec-3kbps(toss)").codec
    assert clip("DAC-16k").codec
    assert not clip("Bark+EnCodec").codec
    assert not clip("VITS").codec


def test_a_folder_without_a_pool_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"index\.tsv"):
        voice_data.read_index(tmp_path)


def test_what_is_not_16_khz_mono_is_refused(tmp_path: Path):
    write_flac(tmp_path / "a.flac", speech_like(0.5), rate=8000)
    with pytest.raises(UsageError, match="16 kHz"):
        voice_data.read_pcm(tmp_path / "a.flac")
    (tmp_path / "b.flac").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"b\.flac"):
        voice_data.read_pcm(tmp_path / "b.flac")


@pytest.mark.parametrize("name", sorted(voice_channel.CODECS))
def test_every_codec_gives_back_the_sound_in_place(name: str):
    if not voice_channel.available(name):
        pytest.skip("this FFmpeg lacks the encoder")
    wave = speech_like(2.0).astype(np.float32) / 32768
    out = voice_channel.through_codec(wave, name, voice_channel.CODECS[name].bit_rates[-1])
    assert out.shape == wave.shape
    assert np.corrcoef(out, wave)[0, 1] > 0.5


@pytest.mark.parametrize("name", sorted(voice_channel.CHANNELS))
def test_every_channel_keeps_the_length(name: str):
    wave = speech_like(2.0).astype(np.float32) / 32768
    out = voice_channel.CHANNELS[name](wave, np.random.default_rng(0))
    assert out.shape == wave.shape
    assert np.isfinite(out).all()


def test_journeys_repeat_with_their_seed_and_survive_silence():
    wave = speech_like(2.0).astype(np.float32) / 32768
    for seed in range(12):
        first, second = (voice_channel.journey(wave, np.random.default_rng(seed), wave) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.isfinite(first).all()
    assert np.isfinite(voice_channel.journey(np.zeros(RATE, np.float32), np.random.default_rng(1))).all()


def test_noise_has_the_level_asked_for():
    wave = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    noise = voice_channel.noisy(wave, np.random.default_rng(1), 10.0) - wave
    assert 10 * np.log10((wave**2).mean() / (noise**2).mean()) == pytest.approx(10.0, abs=0.1)


def test_clips_of_one_utterance_go_on_the_same_journey(pool: Path):
    clips = voice_data.read_index(pool)
    real, fake = next(sides for sides in voice_data.pairs(clips).values())
    assert voice_cache.seed_of(clips[real[0]]) == voice_cache.seed_of(clips[fake[0]])
    other = next(c for c in clips if c.pair != clips[real[0]].pair)
    assert voice_cache.seed_of(other) != voice_cache.seed_of(clips[real[0]])
    babble = voice_cache.whole(other)
    first, second = (voice_cache.views(clips[real[0]], babble) for _ in range(2))
    assert len(first) == voice_cache.VIEWS
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(len(view) >= 2 * RATE - 1 for view in first)


def test_recordings_say_what_was_put_in_and_where(pool: Path):
    clips = voice_data.read_index(pool)
    joined = [
        voice_data.Clip(c.path, c.label, c.system, f"{c.group[:8]}{c.fold}{i % 4 // 3}", c.page, "", "", c.fold)
        for i, c in enumerate([*clips, *clips])
    ]
    made = voice_edits.recordings(joined, most=2)
    kinds = [(r.synthetic is not None, r.spliced is not None) for r in made]
    assert {(False, False), (True, False)} <= set(kinds)
    assert (True, True) not in kinds
    plain = made[0]
    edited = made[1]
    assert edited.synthetic is not None
    start, end = (round(t * RATE) for t in edited.synthetic)
    assert 1.4 < edited.synthetic[1] - edited.synthetic[0] < 3.1
    assert np.array_equal(plain.wave[:start], edited.wave[:start])
    assert np.array_equal(plain.wave[end:], edited.wave[end:])
    assert not np.allclose(plain.wave[start:end], edited.wave[start:end])


def test_what_was_seen_of_a_recording_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wave = speech_like(9).astype(np.float32) / 32768
    recording = voice_edits.Recording(wave, (2.0, 4.0), None, 0, "x")
    first = voice_edits.kept(recording, tmp_path)
    monkeypatch.setattr(voice_edits, "look", lambda _: pytest.fail("made twice"))
    again = voice_edits.kept(recording, tmp_path)
    assert first.segments == again.segments == ((0, 64000), (32000, 96000), (64000, 128000))
    assert first.close == again.close
    assert first.statistics.shape == (len(first.segments) + len(first.close), SIZE)
    heard = voice_edits.heard(recording, first, np.arange(len(first.statistics), dtype=np.float32))
    assert heard.median == 1.0
    assert heard.share[list(heard.spans).index((2 * RATE, 4 * RATE))] == 1.0
    assert heard.share[list(heard.spans).index((RATE, 3 * RATE))] == 0.5
    assert heard.share[list(heard.spans).index((5 * RATE, 7 * RATE))] == 0.0


def test_spans_are_measured_against_what_was_put_in():
    wave = np.zeros(60 * RATE, np.float32)
    edit, plain, real = (
        voice_edits.Recording(wave, a, b, 0, "x") for a, b in (((10.0, 12.0), None), (None, None), (None, (5.0, 7.0)))
    )
    figures = voice_edits.measured([edit, plain, real], [[(10.5, 12.5)], [(1.0, 3.0), (20.0, 22.0)], []])
    assert figures["edits_found"] == 1.0
    assert figures["synthetic_seconds_marked"] == 0.75
    assert figures["marked_seconds_synthetic"] == 0.75
    assert figures["false_spans_per_minute"] == 2.0
    assert figures["real_sentences_marked"] == 0.0
    # A span over everything finds nothing.
    assert voice_edits.measured([edit, plain], [[(0.0, 60.0)], []])["edits_found"] == 0.0


def _machine() -> voice_machine.Machine:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    values = rng.normal(size=(120, SIZE)).astype(np.float32) + 0.4 * labels[:, None]
    return voice_machine.train(values.astype(np.float32), labels, np.ones(120, np.float32))


def test_machines_learn_and_generalise():
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2
    fresh = (rng.normal(size=(60, SIZE)) + 0.4 * labels[:, None]).astype(np.float32)
    margins = _machine().margins(fresh)
    assert np.mean((margins > 0) == (labels == 1)) > 0.9


def test_what_ships_says_what_was_judged(tmp_path: Path):
    ort = pytest.importorskip("onnxruntime")
    machine = _machine()
    path = voice_machine.export(voice_machine.Judge(machine, 2.5, -0.3), tmp_path / "n.onnx")
    network = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    values = np.random.default_rng(2).normal(0, 2, (7, SIZE)).astype(np.float32)
    (logit,) = network.run(["logit"], {"statistics": values})
    assert np.allclose(logit, 2.5 * machine.margins(values) - 0.3, atol=1e-3)
    assert path.stat().st_size < 120 * SIZE * 2 + 100_000


def test_every_head_looks_at_known_families():
    assert all(set(head.families) <= set(FAMILIES) for head in voice_machine.HEADS)


def test_halves_of_systems_share_none(pool: Path):
    clips = voice_data.read_index(pool)
    halves = voice_record.systems_in_halves(clips)
    first, second, _ = halves.values()
    names = [{c.system for c, use in zip(clips, mask, strict=True) if use} for mask in (first, second)]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


@pytest.mark.slow
def test_training_end_to_end_goes_on_and_installs(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from facevalue.examiners.voice import VoiceExaminer, examiner

    # Conditions of the pool hold two clips; the least that makes a recording is three, so pages join to conditions.
    index = pool / "audio" / "index.tsv"
    lines = index.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    for row in rows[1:-1]:
        row[3] = f"{row[1]}{int(row[0].split('_')[1][0]) // 2}"
    joined = tmp_path / "data" / "audio"
    joined.mkdir(parents=True)
    for path in (pool / "audio").glob("*.flac"):
        (joined / path.name).write_bytes(path.read_bytes())
    (joined / "index.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    said: list[str] = []
    made = train_voice(tmp_path / "data", tmp_path / "out", 1, said.append)
    assert [path.name for path in made] == ["voice.onnx", "calibration.json", "leave_one_out.json", "split.json"]
    record = json.loads(made[2].read_text(encoding="utf-8"))
    assert record["pooled"]["as_is"]["n"] == [16, 16]
    assert set(record["channels"]) == set(voice_channel.CHANNELS)
    assert record["partial_edits"]["n_edited"] > 0
    first = [path.read_bytes() for path in made]
    kept = sorted((tmp_path / "out").rglob("*.npz"))
    before = [path.stat().st_mtime_ns for path in kept]
    assert kept
    train_voice(tmp_path / "data", tmp_path / "out", 1, said.append)
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert [path.read_bytes() for path in made] == first
    monkeypatch.setattr(examiner, "FOLDER", tmp_path / "out")
    examiner.calibration.cache_clear()
    assert len(VoiceExaminer().weights()) >= 2
    (segment,) = examiner.judge(speech_like(4), [(0, 4 * RATE)])
    assert np.isfinite(segment.log10_lr)
    examiner.calibration.cache_clear()
