"""Clips and recordings on the bench: layouts, and trips that are the same every time."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from facevalue.bench.robust import STEP_NAMES, relaunder
from facevalue.bench.robust_sound import RATE_HZ, noisy, read_sound
from facevalue.bench.runner import plan
from facevalue.bench.sets import CLIP, PICTURE, SOUND, kind_of, read_sets
from facevalue.errors import DecodeError, UsageError

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))
import make_clip


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("real/tv_1.mp4", "real/tv_2.mp4", "fake/ghost_1.mp4", "fake/talker_1.mp4"):
        (root / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "videos" / name).write_bytes(make_clip.clip(seconds=1.0, size=(64, 48)))
    (root / "audio").mkdir()
    (root / "audio" / "a.wav").write_bytes(make_clip.sound(seconds=1.0))
    (root / "audio" / "index.tsv").write_text(
        "file\tlabel\tsystem\tgroup\tsource\tlanguage\tpair\n"
        "a.wav\tbonafide\t-\tstudio\tsite/page:x/1\ten\t\n"
        "b.wav\tspoof\tvits\tpage\tsite/page:x/2\ten\tp1\n"
    )
    return root


def test_clips_and_speech_are_sets(moving: Path) -> None:
    items = {item.name: item for item in read_sets(moving)}
    assert set(items) == {"real/tv_1.mp4", "real/tv_2.mp4", "fake/ghost_1.mp4", "fake/talker_1.mp4", "a.wav"}
    assert items["real/tv_1.mp4"].questions == ("face_swapped", "generated")
    assert items["fake/ghost_1.mp4"].questions == ("face_swapped",)
    assert items["fake/talker_1.mp4"].questions == ("generated",)
    assert items["real/tv_1.mp4"].cluster == items["real/tv_2.mp4"].cluster == "tv"
    speech = items["a.wav"]
    assert (speech.label, speech.group, speech.cluster, speech.source) == (0, "en", "studio", "site/page")
    assert {kind_of(Path(name)) for name in items} == {CLIP, SOUND}


def test_a_step_is_taken_only_by_its_own_kind(moving: Path) -> None:
    jobs = plan(read_sets(moving), ["h264_crf40", "g711", "q70"])
    taken = {(job.item.kind, job.launder) for job in jobs}
    assert taken == {(CLIP, "none"), (SOUND, "none"), (CLIP, "h264_crf40"), (SOUND, "g711")}
    with pytest.raises(UsageError, match="h264_crf40"):
        plan([], ["polish"])
    assert len({name for names in STEP_NAMES.values() for name in names}) == sum(map(len, STEP_NAMES.values()))
    assert PICTURE in STEP_NAMES


@pytest.mark.parametrize("step", STEP_NAMES[CLIP])
def test_clips_are_re_encoded_with_their_sound(moving: Path, step: str) -> None:
    path = moving / "videos" / "real" / "tv_1.mp4"
    name, data = relaunder(path, step)
    assert (name, data) == relaunder(path, step)
    with av.open(io.BytesIO(data)) as copy:
        assert copy.streams.video[0].codec_context.name == ("hevc" if step.startswith("hevc") else "h264")
        assert copy.streams.audio[0].codec_context.name == "aac"
        assert len(list(copy.decode(copy.streams.video[0]))) == 25


@pytest.mark.parametrize("step", STEP_NAMES[SOUND])
def test_recordings_keep_their_length_and_change(moving: Path, step: str, tmp_path: Path) -> None:
    path = moving / "audio" / "a.wav"
    name, data = relaunder(path, step)
    assert (name, data) == relaunder(path, step)
    (tmp_path / name).write_bytes(data)
    before, after = read_sound(path), read_sound(tmp_path / name)
    assert abs(len(after) - len(before)) < 0.1 * RATE_HZ
    assert not np.array_equal(before[: len(after)], after[: len(before)])


@pytest.mark.parametrize("snr", [20.0, 5.0])
def test_noise_has_the_stated_level(snr: float) -> None:
    tone = make_clip.tone(2.0, RATE_HZ)[:, 0]
    noise = noisy(tone, snr, 1).astype(float) - tone
    active = (tone[tone != 0].astype(float) ** 2).mean()
    assert 10 * np.log10(active / (noise**2).mean()) == pytest.approx(snr, abs=1.0)


@pytest.mark.parametrize("step", ["chat", "amr"])
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, step: str) -> None:
    for name in ("x.mp4", "x.webp"):
        (tmp_path / name).write_bytes(b"neither a clip nor sound")
        with pytest.raises(DecodeError, match=name):
            relaunder(tmp_path / name, step)
