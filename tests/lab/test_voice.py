"""The voice lab: the pool and its split, channels, cache, training, calibration. Sounds are made by code."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs facevalue[lab]")
pytest.importorskip("scipy", reason="needs facevalue[lab]")

import torch

from facevalue.errors import UsageError
from facevalue.examiners.voice.frontend import BANDS, STATISTICS, WINDOW_FRAMES, bands_db, network_inputs, to_network
from facevalue.examiners.voice.tests.make_speech import RATE, speech_like
from facevalue.lab import voice_cache, voice_channel, voice_data, voice_train
from facevalue.lab.voice_judge import Judge, Mixture, export, judged
from facevalue.lab.voice_net import VoiceNet
from facevalue.lab.voice_recipe import train_voice
from facevalue.lab.voice_svm import SupportVectors


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


def test_splices_hold_parts_of_one_fold_and_say_where(pool: Path):
    clips = voice_data.read_index(pool)
    made = [item for item in voice_cache.items(clips) if item.donor is not None]
    assert {item.label for item in made} == {0, 1}
    for item in made:
        assert item.donor is not None
        assert item.donor.fold == item.clip.fold
        assert item.donor.label == item.label
        start, end = item.synthetic
        assert (end > start) == bool(item.label)
    spliced = next(item for item in made if item.label == 1)
    host, wave = voice_cache.whole(spliced.clip), voice_cache.wave_of(spliced)
    a, b = (int(share * len(host)) for share in spliced.synthetic)
    assert np.array_equal(host[:a], wave[:a])
    assert np.array_equal(host[b:], wave[b:])
    assert not np.allclose(host[a:b], wave[a:b])


def test_spectra_survive_being_stored():
    bands = bands_db(speech_like(2))
    assert np.abs(voice_cache.restored(voice_cache.stored(bands)) - bands).max() <= voice_cache.STEP_DB / 2 + 1e-4


def test_the_network_takes_any_length_and_leaves_torch_unchanged(tmp_path: Path):
    ort = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    vectors = np.random.default_rng(1).normal(size=(5, STATISTICS))
    machine = SupportVectors(np.zeros(STATISTICS), np.ones(STATISTICS), vectors, np.ones(5), 0.1, 0.01)
    judge = Judge([VoiceNet().eval(), VoiceNet().eval()], machine, Mixture(0.7, 0.5, -0.1))
    path = export(judge, tmp_path / "n.onnx")
    network = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for frames in (100, WINDOW_FRAMES):
        bands = np.random.default_rng(0).uniform(-80, 0, (3, frames, BANDS)).astype(np.float32)
        (logit,) = network.run(["logit"], network_inputs(bands))
        assert np.allclose(logit, judged(judge, bands), atol=1e-3)


def test_training_and_examination_see_the_same():
    bands = bands_db(speech_like(3))[None]
    assert np.allclose(voice_train.network_input(torch.from_numpy(bands)).numpy(), to_network(bands), atol=1e-5)


def test_perturbation_keeps_shape_and_range():
    bands = torch.from_numpy(np.stack([bands_db(speech_like(3.2))[:304]] * 4))
    out = voice_train.perturbed(bands, torch.Generator().manual_seed(0))
    assert out.shape == bands.shape
    assert torch.isfinite(out).all()
    assert not torch.equal(out, bands)


@pytest.mark.slow
def test_training_end_to_end_goes_on_and_installs(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from facevalue.examiners.voice import VoiceExaminer, examiner

    said: list[str] = []
    made = train_voice(pool, tmp_path, 3, 1, said.append)
    assert [path.name for path in made] == ["voice.onnx", "calibration.json", "leave_pages_out.json"]
    assert all(path.is_file() for path in made)
    record = json.loads(made[2].read_text(encoding="utf-8"))
    assert record["pooled"]["as_is"]["n"] == [8, 8]
    assert set(record["channels"]) == set(voice_channel.CHANNELS)
    trained = sorted(tmp_path.glob("fold*.cycle0.pt"))
    before = [path.stat().st_mtime_ns for path in trained]
    assert trained
    train_voice(pool, tmp_path, 3, 1, said.append)
    assert [path.stat().st_mtime_ns for path in trained] == before
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    examiner.calibration.cache_clear()
    assert len(VoiceExaminer().weights()) >= 2
    (segment,) = examiner.judge(speech_like(4), [(0, 4 * RATE)])
    assert np.isfinite(segment.log10_lr)
    examiner.calibration.cache_clear()
