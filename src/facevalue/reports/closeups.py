"""Close-ups of the sound: a spectrogram of each span that a finding marks in it, with a little of what surrounds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facevalue.media.clip import SAMPLE_RATE_HZ, Sound
from facevalue.reports import spectrogram, words
from facevalue.reports.clock import Axis, between, clock
from facevalue.reports.evidence import Span
from facevalue.reports.layers import BoxView
from facevalue.reports.moments import SOUND, Moment
from facevalue.reports.words import plain

MAX_CLOSEUPS = 16
CLOSEUP_PX = 800
MIN_SECONDS = 2.0
# Of the span's length, on either side of it.
MARGIN = 0.3


def close_ups(sound: Sound, spans: Sequence[Span], names: Sequence[str], axis: Axis) -> Iterator[Moment]:
    """Moments of the spans of the sound, the strongest evidence first. names: of the examiners, by finding."""
    for span in sorted(spans, key=lambda s: -s.strength)[:MAX_CLOSEUPS]:
        start, end = _window(span, sound)
        first, last = (round((t - sound.start_s) * SAMPLE_RATE_HZ) for t in (start, end))
        if last - first < spectrogram.WINDOW:
            continue
        yield Moment(
            id="",
            kind=SOUND,
            seconds=span.start,
            time=clock(span.start, 2),
            left=axis.at((span.start + span.end) / 2),
            title=f"Sound: {span.label}",
            track=None,
            image=spectrogram.png_uri(spectrogram.spectrogram_image(sound.samples[first:last], CLOSEUP_PX)),
            thumb="",
            strength=span.log10_lr,
            boxes=(_mark(span, start, end),),
            facts=_facts(span, plain(names[span.finding]), start, end),
            span=(span.finding, span.start, span.end),
        )


def _window(span: Span, sound: Sound) -> tuple[float, float]:
    """The stretch of sound to draw, seconds."""
    margin = max(MARGIN * (span.end - span.start), (MIN_SECONDS - (span.end - span.start)) / 2)
    last = sound.start_s + sound.duration_s
    return max(sound.start_s, span.start - margin), min(last, span.end + margin)


def _mark(span: Span, start: float, end: float) -> BoxView:
    left, right = (100 * (min(end, max(start, t)) - start) / (end - start) for t in (span.start, span.end))
    return BoxView(round(left, 2), 0.0, round(right - left, 2), 100.0, "")


def _facts(span: Span, examiner: str, start: float, end: float) -> tuple[str, ...]:
    said = [] if span.log10_lr is None else [f"{examiner}: {words.lr_words(span.log10_lr)} of this span"]
    said += [] if span.score is None else [f"{examiner}: score {span.score:.2f}"]
    marked = f"marked by {examiner} from {between(span.start, span.end, 2)}"
    return (*said, marked, *span.notes, f"drawn from {between(start, end, 2)}, 0 to 8 kHz from bottom to top")
