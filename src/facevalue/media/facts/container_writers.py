"""Known writers of containers: a table of what each leaves, and who a file is therefore consistent with.

Every rule names its source. A rule says "consistent with" and no more: any field can be copied, removed or forged, and
one library stands behind many programs (Lavf, the muxer of FFmpeg, is inside most of them and proves nothing). Apps
that leave nothing of their own (WhatsApp, Telegram, Instagram on most phones use the system's encoder and muxer) have
no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LIBRARY, ENCODER, CAMERA, SYSTEM, EDITOR, PLATFORM, RECORDER = (
    "library", "encoder", "camera", "system", "editor", "platform", "recorder",
)  # fmt: skip
MAX_WRITERS = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """writer: in plain words. kind: one of the constants above. key, value: what a text field's name and text match."""

    writer: str
    kind: str
    key: re.Pattern[str]
    value: re.Pattern[str]


def _rule(writer: str, kind: str, key: str, value: str) -> Rule:
    return Rule(writer, kind, re.compile(key, re.IGNORECASE), re.compile(value, re.IGNORECASE))


# Names of fields that name a program.
_PROGRAM = (
    r"^(?:encoder|©too|©swr|©enc|software|ISFT|MuxingApp|WritingApp|TSSE|TENC|creation_?tool|encoded_?by|xmp history|"
    r"com\.apple\.quicktime\.software|vendor|xmp:CreatorTool|originator|compressor|handler|provider)$"
)
_ANY = r""

RULES: tuple[Rule, ...] = (
    # FFmpeg, libavformat/version.h: LIBAVFORMAT_IDENT, written by its muxers as the encoder tag.
    _rule("FFmpeg's library libavformat (Lavf)", LIBRARY, _ANY, r"^Lavf\d"),
    # FFmpeg, libavformat/movenc.c, mov_write_hdlr_tag: the default handler names.
    _rule("FFmpeg's library libavformat (Lavf)", LIBRARY, r"^handler$", r"^(?:VideoHandler|SoundHandler)$"),
    # FFmpeg, libavformat/mpegtsenc.c: the default provider of a service.
    _rule("FFmpeg's library libavformat (Lavf)", LIBRARY, r"^provider$", r"^FFmpeg$"),
    # HandBrake, libhb/muxavformat.c: the encoder tag is its name, version and build.
    _rule("HandBrake", EDITOR, _PROGRAM, r"^HandBrake \d"),
    # GPAC (MP4Box), L-SMASH, Bento4: handler names in their sources.
    _rule("GPAC (MP4Box)", LIBRARY, r"^handler$", r"GPAC ISO (?:Video|Audio) Handler|ISO Media .*GPAC"),
    _rule("L-SMASH", LIBRARY, r"^handler$", r"^L-SMASH (?:Video|Audio)(?: Media)? Handler"),
    _rule("Bento4", LIBRARY, r"^handler$", r"^Bento4 (?:Video|Sound) Handler"),
    # MKVToolNix and the libraries of the Matroska project write their names and versions.
    _rule("MKVToolNix (mkvmerge)", LIBRARY, r"^(?:WritingApp|_STATISTICS_WRITING_APP)$", r"^mkvmerge v"),
    # Android, frameworks/av MPEG4Writer.cpp: com.android.version, and the handler names VideoHandle and SoundHandle.
    # Apps that use Android's MediaMuxer get the same, messengers among them.
    _rule("Android's own MP4 writer (a phone's camera, or an app that uses it)", SYSTEM, r"^com\.android\.version$",
          _ANY),
    _rule("Android's own MP4 writer (a phone's camera, or an app that uses it)", SYSTEM, r"^handler$",
          r"^(?:VideoHandle|SoundHandle)$"),
    # Apple, QuickTime metadata keys (QuickTime File Format Specification) and Core Media's handler names.
    _rule("an Apple camera", CAMERA, r"^com\.apple\.quicktime\.make$", r"^Apple"),
    _rule("Apple's Core Media (camera, QuickTime Player, iMovie, Final Cut Pro, or an app that uses it)", SYSTEM,
          r"^handler$", r"^Core Media (?:Video|Audio|Metadata)"),
    _rule("Apple's professional applications (Final Cut Pro, Compressor)", EDITOR, r"^com\.apple\.proapps\.", _ANY),
    # GoPro: handler names of its tracks (gopro/gpmf-parser, README: "GoPro MET").
    _rule("a GoPro camera", CAMERA, r"^(?:handler|compressor)$", r"GoPro (?:AVC|H\.265|AAC|MET|TCD|SOS)"),
    # DJI: handler names of its tracks.
    _rule("a DJI camera", CAMERA, r"^handler$", r"^DJI\.(?:AVC|HEVC|Meta|Subtitle|AAC|Dbgi)"),
    # Adobe exports H.264 through MainConcept's SDK; other programs license it too.
    _rule("MainConcept's muxer, which Adobe Premiere Pro and Media Encoder use, among others", EDITOR, r"^handler$",
          r"Mainconcept .*Media Handler"),
    # Programs that write their own name into a field for it.
    _rule("Adobe Premiere Pro", EDITOR, _PROGRAM, r"Adobe Premiere"),
    _rule("Adobe Media Encoder", EDITOR, _PROGRAM, r"Adobe Media Encoder"),
    _rule("Adobe After Effects", EDITOR, _PROGRAM, r"Adobe After Effects"),
    _rule("DaVinci Resolve", EDITOR, _PROGRAM, r"DaVinci Resolve"),
    _rule("Final Cut Pro", EDITOR, _PROGRAM, r"^Final Cut"),
    _rule("iMovie", EDITOR, _PROGRAM, r"^iMovie"),
    _rule("VEGAS", EDITOR, _PROGRAM, r"\bVegas (?:Pro|Movie)"),
    _rule("CapCut", EDITOR, _PROGRAM, r"^CapCut"),
    _rule("Filmora", EDITOR, _PROGRAM, r"Filmora"),
    _rule("Audacity", EDITOR, _PROGRAM, r"Audacity"),
    _rule("Adobe Audition", EDITOR, _PROGRAM, r"Adobe Audition"),
    _rule("REAPER", EDITOR, _PROGRAM, r"^REAPER"),
    _rule("Pro Tools", EDITOR, _PROGRAM, r"^Pro ?Tools"),
    _rule("VirtualDub", EDITOR, r"^(?:ISFT|text)$", r"VirtualDub"),
    # Browsers' MediaRecorder: Chromium media/muxers/webm_muxer.cc; Firefox dom/media/webm (EbmlComposer).
    _rule("a Chromium browser's recorder", RECORDER, r"^(?:MuxingApp|WritingApp)$", r"^Chrome$"),
    _rule("Firefox's recorder", RECORDER, r"^(?:MuxingApp|WritingApp)$", r"^QTmuxingAppLibWebM"),
    _rule("OBS Studio", RECORDER, _PROGRAM, r"^OBS Studio|^obs-"),
    # Platforms: handler names and muxers seen in their downloads.
    _rule("Google's transcoder (YouTube, Google Photos)", PLATFORM, r"^handler$",
          r"^ISO Media file produced by Google"),
    _rule("Google's transcoder (YouTube, Google Photos)", PLATFORM, r"^(?:MuxingApp|WritingApp)$",
          r"^google/video-file"),
    _rule("Vimeo's transcoder", PLATFORM, r"^handler$", r"^Vimeo Artax"),
    _rule("Twitter's (X's) transcoder", PLATFORM, r"^handler$", r"^Twitter-vork muxer"),
    _rule("TikTok or another ByteDance service", PLATFORM, r"^aigc_info$", r"aigc_label_type"),
    # Encoders of sound that write their name.
    _rule("LAME", ENCODER, r"^(?:encoder|TSSE)$", r"^LAME\s?3"),
    _rule("libopus", ENCODER, r"^vendor$", r"^libopus"),
    _rule("libvorbis", ENCODER, r"^vendor$", r"Xiph\.Org libVorbis"),
    _rule("the reference FLAC encoder", ENCODER, r"^vendor$", r"^reference libFLAC"),
)  # fmt: skip


def name_writers(
    format_name: str, facts: Mapping[str, Any], strings: Sequence[Mapping[str, str]], marks: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Who the file is consistent with: records {"writer", "kind", "evidence"}, the most telling kind first."""
    found: dict[tuple[str, str], list[str]] = {}
    for writer, kind, evidence in (*_by_text(strings), *_by_mark(marks), *_by_structure(format_name, facts)):
        notes = found.setdefault((writer, kind), [])
        if evidence not in notes and len(notes) < 6:
            notes.append(evidence)
    ranked = sorted(found.items(), key=lambda item: item[0][1] in (LIBRARY, ENCODER))
    return [{"writer": w, "kind": k, "evidence": notes} for (w, k), notes in ranked[:MAX_WRITERS]]


def _by_text(strings: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    for entry in strings:
        for rule in RULES:
            if rule.key.search(entry["key"]) and rule.value.search(entry["value"]):
                yield rule.writer, rule.kind, f"{entry['where']} {entry['key']}: {entry['value'][:80]}"


def _by_mark(marks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    names = {"Lavc": "FFmpeg's library libavcodec (Lavc)"}
    for mark in marks:
        name = str(mark["encoder"])
        yield names.get(name, name), ENCODER, f"{mark['where']}: {name} {mark.get('version', '')}".strip()


def _by_structure(format_name: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    brands = facts.get("brands") or {}
    major = str(brands.get("major", ""))
    # Sony's XAVC recording format registers its own brand (mp4ra.org).
    if major == "XAVC":
        yield "a Sony camera (XAVC)", CAMERA, "brand XAVC"
    # libavformat/movenc.c writes minor version 512 with isom, and `free` before `mdat` (room for a 64-bit size).
    if major == "isom" and brands.get("minor") == 512:
        yield "FFmpeg's library libavformat (Lavf)", LIBRARY, "brand isom, version 512"
