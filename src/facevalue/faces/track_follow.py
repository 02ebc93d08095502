"""The tracker: faces of a clip followed from look to look, in bounded memory.

Tracking by detection (as SORT, Bewley et al. 2016, arXiv:1602.00763): each look's detections are assigned to the
tracks by overlap with where the track is expected, and by face embedding wherever geometry could mislead: when faces
meet, when the picture has just changed, after a miss, and every half second in any case. A face whose embedding stops
matching its track while it stays in place is somebody else after a cut between similar framings: the track ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facevalue.errors import ModelError
from facevalue.faces import track_detect
from facevalue.faces.detect import Face, detector_path
from facevalue.faces.embed import Embedding, embed_face, embedder_available
from facevalue.faces.track import MAX_TRACKS, MAX_VIEWED_TRACKS, Track, TrackView
from facevalue.faces.track_cuts import blank, change, thumbnail
from facevalue.faces.track_finish import finished_tracks
from facevalue.faces.track_keep import Bursts, Embeddings, OpenBurst, Positions, Views, make_view, view_quality
from facevalue.faces.track_match import OTHER_PERSON, SAME_PERSON, affinity, assign, nearness
from facevalue.faces.track_run import RunKeeper

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

# Searches in tiles (for faces too small for a look), and careful ones.
TILED_EVERY_S, CAREFUL_EVERY_S = 30.0, 1.0
# A face this large on the quickest look is followed well by it.
QUICK_FACE_PX = 40.0
# Embeddings of one track: this often at first, then half as often.
EMBED_EVERY_S, EMBED_OFTEN = 0.5, 16
# A track without a detection for longer than this has ended; a jump in time of more than MAX_JUMP_S ends all.
LOST_AFTER_S = 1.2
MAX_JUMP_S = 1.5
# Change between looks above which a look is held back until the next one shows that it was no flash, and above which
# geometry alone proves nothing.
FLASH_CHANGE, DOUBT_CHANGE = 0.35, 0.12
FLASH_S = 0.4
MAX_ACTIVE = 16
GALLERY = 8
# Embeddings of small or turned faces say little about identity.
EMBED_MIN_PX, EMBED_MAX_YAW = 40.0, 40.0
REFINE_BELOW_PX, RUN_REFINE_BELOW_PX = 60.0, 80.0
BURST_TRACKS = RUN_TRACKS = 3


@dataclass(slots=True)
class _Look:
    index: int
    time_s: float
    pixels: Pixels
    thumb: Pixels
    burst: int


@dataclass(slots=True)
class Trail:
    """A track while it is followed. share: sum of the face's share of the frame times seconds."""

    face: Face
    last_s: float
    positions: Positions = field(default_factory=Positions)
    views: Views = field(default_factory=Views)
    bursts: Bursts = field(default_factory=Bursts)
    runs: RunKeeper = field(default_factory=RunKeeper)
    embeddings: Embeddings = field(default_factory=Embeddings)
    gallery: list[Embedding] = field(default_factory=list)
    velocity: tuple[float, float] = (0.0, 0.0)
    sure_s: float = 0.0
    share: float = 0.0
    looks: int = 0
    doubts: list[tuple[_Look, Face, Embedding]] = field(default_factory=list)
    open_burst: OpenBurst | None = None
    seen_s: float = 0.0

    def expected(self, time_s: float) -> Box:
        """Where the face should be by now, moving on for at most half a second."""
        x, y, w, h = self.face.box
        ahead = min(time_s - self.seen_s, 0.5)
        return (x + self.velocity[0] * ahead, y + self.velocity[1] * ahead, w, h)

    def cosine(self, vector: Embedding) -> float | None:
        """Likeness to the nearest of the kept embeddings; None while there are none."""
        return max((float(vector @ known) for known in self.gallery), default=None)

    def embedding_due(self, time_s: float) -> bool:
        """Whether it is time to look at the face's identity again."""
        times = self.embeddings.times
        wait = EMBED_EVERY_S if len(times) < EMBED_OFTEN else 2 * EMBED_EVERY_S
        return bool(self.doubts) or not times or time_s - times[-1] >= wait - 0.05

    def remember(self, time_s: float, vector: Embedding) -> None:
        """Keep the embedding, and in the gallery the most different ones."""
        self.embeddings.add(time_s, vector)
        self.gallery.append(vector)
        if len(self.gallery) > GALLERY:
            likeness = np.stack(self.gallery) @ np.stack(self.gallery).T
            np.fill_diagonal(likeness, -1.0)
            del self.gallery[int(np.argmax(likeness.max(axis=1)))]

    def stripped(self) -> None:
        """Give up views, bursts and runs."""
        self.views, self.bursts, self.runs = Views(), Bursts(), RunKeeper()


class Tracker:
    """Follows the faces of one clip.

    add() takes frames in presentation order, uint8 RGB (H, W, 3); frames are read and let go, except one that may be
    a flash. finish() gives the tracks, largest screen share first. Raises ModelError at once when no detector is
    installed; without the embedding's weights it follows by geometry alone and calls every track another person.
    """

    def __init__(self) -> None:
        detector_path()
        self._embeds = embedder_available()
        self._active: list[Trail] = []
        self._ended: list[Trail] = []
        self._last: _Look | None = None
        self._held: _Look | None = None
        self._tiled_s = self._careful_s = -np.inf
        self._looks = 0
        self._burst = -1

    def add(
        self, index: int, time_s: float, pixels: Pixels, *, look: bool = True, burst: int = -1, run: int = -1
    ) -> None:
        """One frame. look: search it for faces. burst: number of the burst of consecutive frames it is in, or -1.

        run: number of the run in which mouths are kept, or -1. A frame that is in a run alone may be its luma, (H, W).
        """
        if run >= 0:
            self._take_run(run, time_s, pixels)
        if not look and burst < 0 and run >= 0:
            return
        frame = _Look(index, time_s, pixels, thumbnail(pixels), burst)
        if look:
            self._take_look(frame)
        self._take_burst(frame, look)

    def finish(self, cuts: Sequence[float] = ()) -> tuple[Track, ...]:
        """The tracks. cuts: times of scene cuts found in every frame; tracks are divided there as well."""
        if self._held is not None:
            self._see(self._held, sudden=True)
            self._held = None
        self._end(self._active)
        return finished_tracks(self._ended, self._looks, cuts)

    # Looks -----------------------------------------------------------------------------------------------------

    def _take_look(self, frame: _Look) -> None:
        """Hold a look back that may be a flash; drop it when the next one is as before."""
        if self._held is not None:
            returned = self._last is not None and _change(self._last, frame) < 0.5 * FLASH_CHANGE
            if (
                not returned
                and _change(self._held, frame) > FLASH_CHANGE
                and frame.time_s - self._held.time_s < FLASH_S
            ):
                return  # still flickering: wait for what comes after
            if not returned:
                self._see(self._held, sudden=True)
            self._held = None
        if bool(blank(frame.thumb[None])[0]):
            return
        if self._last is None:
            self._see(frame, sudden=False)
            return
        amount = _change(self._last, frame)
        if frame.time_s - self._last.time_s > MAX_JUMP_S:
            self._end(self._active)
            self._see(frame, sudden=False)
        elif amount > FLASH_CHANGE:
            self._held = frame
        else:
            self._see(frame, sudden=amount > DOUBT_CHANGE)

    def _see(self, frame: _Look, *, sudden: bool) -> None:
        self._looks += 1
        step = frame.time_s - self._last.time_s if self._last is not None else 0.0
        self._last = frame
        self._end([t for t in self._active if frame.time_s - t.seen_s > LOST_AFTER_S])
        faces = list(self._search(frame, sudden))
        vectors: dict[int, Embedding] = {}
        pairs = self._pairs(frame, faces, vectors, sudden)
        if self._find_missed(frame, faces, {r for r, _ in pairs}):
            pairs = self._pairs(frame, faces, vectors, sudden)
        for row, column in pairs:
            trail = self._active[row]
            due = sudden or trail.embedding_due(frame.time_s)
            vector = self._embed(frame, faces, column, vectors) if due else vectors.get(column)
            self._continue(trail, frame, faces[column], vector, step)
        self._begin_new(frame, faces, {c for _, c in pairs}, vectors)
        self._divide_doubtful()

    def _search(self, frame: _Look, sudden: bool) -> tuple[Face, ...]:
        """Faces in the frame, by the cheapest look that will do."""
        if frame.time_s - self._tiled_s >= TILED_EVERY_S:
            self._tiled_s = self._careful_s = frame.time_s
            return track_detect.look_tiled(frame.pixels)
        if sudden or not self._active or frame.time_s - self._careful_s >= CAREFUL_EVERY_S - 0.05:
            self._careful_s = frame.time_s
            return track_detect.look(frame.pixels, track_detect.CAREFUL_SIDE_PX)
        quick = track_detect.QUICK_SIDE_PX
        reduction = min(1.0, quick / max(frame.pixels.shape[:2]))
        large = all(trail.face.size_px * reduction >= QUICK_FACE_PX for trail in self._active)
        return track_detect.look(frame.pixels, quick if large else track_detect.LOOK_SIDE_PX)

    def _pairs(
        self, frame: _Look, faces: list[Face], vectors: dict[int, Embedding], sudden: bool
    ) -> list[tuple[int, int]]:
        if not faces or not self._active:
            return []
        near = np.array([[self._near(trail, face, frame.time_s) for face in faces] for trail in self._active])
        scores = np.full(near.shape, -1.0)
        for row, trail in enumerate(self._active):
            for column in np.flatnonzero(near[row] > 0):
                others = (near[:, column] > 0.05).sum() > 1 or (near[row] > 0.05).sum() > 1
                late = frame.time_s - trail.seen_s > 0.5
                asked = bool(others or late or sudden or near[row, column] < 0.3)
                vector = self._embed(frame, faces, int(column), vectors) if asked else None
                cosine = trail.cosine(vector) if vector is not None else None
                scores[row, column] = affinity(float(near[row, column]), cosine, sudden or (asked and late))
        return assign(scores)

    def _near(self, trail: Trail, face: Face, time_s: float) -> float:
        seconds = time_s - trail.seen_s
        return max(nearness(trail.expected(time_s), face.box, seconds), nearness(trail.face.box, face.box, seconds))

    def _find_missed(self, frame: _Look, faces: list[Face], matched: set[int]) -> bool:
        """Look closely where a track's face should be and was not found; True when that added a face."""
        before = len(faces)
        for row, trail in enumerate(self._active):
            if row in matched or frame.time_s - trail.seen_s > LOST_AFTER_S / 2:
                continue
            face = track_detect.close_look(frame.pixels, trail.expected(frame.time_s))
            if face is not None and all(nearness(face.box, other.box, 0.0) < 0.3 for other in faces):
                faces.append(face)
        return len(faces) > before

    def _embed(
        self, frame: _Look, faces: Sequence[Face], column: int, vectors: dict[int, Embedding]
    ) -> Embedding | None:
        face = faces[column]
        if not self._embeds or face.size_px < EMBED_MIN_PX or abs(face.quality.yaw) > EMBED_MAX_YAW:
            return None
        if column not in vectors:
            try:
                vectors[column] = embed_face(frame.pixels, face.landmarks)
            except ModelError:
                self._embeds = False
                return None
        return vectors[column]

    def _continue(self, trail: Trail, frame: _Look, face: Face, vector: Embedding | None, step: float) -> None:
        cosine = trail.cosine(vector) if vector is not None else None
        if vector is not None and cosine is not None and cosine < OTHER_PERSON:
            trail.doubts.append((frame, face, vector))
            trail.doubts = trail.doubts[-3:]
        elif vector is not None:
            trail.doubts.clear()
            trail.remember(frame.time_s, vector)
            trail.sure_s = frame.time_s
        _advance(trail, frame, face, step)
        if not trail.doubts:
            self._offer_view(trail, frame, face)

    def _begin_new(self, frame: _Look, faces: Sequence[Face], used: set[int], vectors: dict[int, Embedding]) -> None:
        for column, face in enumerate(faces):
            if column not in used and len(self._active) < MAX_ACTIVE:
                self._begin(frame, face, self._embed(frame, faces, column, vectors))

    def _begin(self, frame: _Look, face: Face, vector: Embedding | None) -> Trail:
        trail = Trail(face, frame.time_s, seen_s=frame.time_s, sure_s=frame.time_s)
        if vector is not None:
            trail.remember(frame.time_s, vector)
        _advance(trail, frame, face, 0.2)
        self._active.append(trail)
        self._offer_view(trail, frame, face)
        return trail

    def _offer_view(self, trail: Trail, frame: _Look, face: Face) -> None:
        ahead = sum(1 for other in self._active if other.share > trail.share)
        if ahead < MAX_VIEWED_TRACKS:
            trail.views.offer(frame.time_s, view_quality(face), lambda: self._view(frame, face))

    def _view(self, frame: _Look, face: Face) -> TrackView:
        reduced = face.size_px * min(1.0, track_detect.QUICK_SIDE_PX / max(frame.pixels.shape[:2]))
        if reduced < REFINE_BELOW_PX:  # landmarks found on a much reduced frame are coarse
            closer = track_detect.close_look(frame.pixels, face.box)
            if closer is not None and nearness(closer.box, face.box, 0.0) > 0.4:
                face = closer
        return make_view(frame.index, frame.time_s, frame.pixels, face)

    def _divide_doubtful(self) -> None:
        """Two looks in a row that are alike, and unlike the track's person: somebody else since the first of them."""
        for trail in list(self._active):
            if len(trail.doubts) < 2:
                continue
            (first, first_face, one), (second, second_face, two) = trail.doubts[-2:]
            if float(one @ two) < SAME_PERSON:
                continue
            trail.positions.cut_after(min(trail.sure_s, first.time_s - 1e-6))
            trail.doubts = []
            self._end([trail])
            new = self._begin(first, first_face, one)
            self._continue(new, second, second_face, two, second.time_s - first.time_s)

    def _end(self, trails: Sequence[Trail]) -> None:
        for trail in list(trails):
            self._close_burst(trail)
            trail.runs.waiting.clear()
            self._active.remove(trail)
            self._ended.append(trail)
        self._ended.sort(key=lambda t: -t.share)
        for trail in self._ended[MAX_VIEWED_TRACKS:]:
            trail.stripped()
        del self._ended[MAX_TRACKS:]

    # Runs ------------------------------------------------------------------------------------------------------

    def _take_run(self, run: int, time_s: float, pixels: Pixels) -> None:
        main = sorted((t for t in self._active if time_s - t.seen_s < 0.5), key=lambda t: -t.share)
        for trail in main[:RUN_TRACKS]:
            trail.runs.offer(run, time_s, pixels, trail.expected(time_s))

    # Bursts ----------------------------------------------------------------------------------------------------

    def _take_burst(self, frame: _Look, looked: bool) -> None:
        if frame.burst != self._burst:
            for trail in self._active:
                self._close_burst(trail)
            self._burst = frame.burst
        if frame.burst < 0:
            return
        main = sorted((t for t in self._active if frame.time_s - t.seen_s < 0.5), key=lambda t: -t.share)
        for trail in main[:BURST_TRACKS]:
            self._add_to_burst(trail, frame)

    def _add_to_burst(self, trail: Trail, frame: _Look) -> None:
        face = track_detect.close_look(frame.pixels, trail.face.box)
        if face is None or nearness(trail.face.box, face.box, 0.1) < 0.2:
            return  # time stamps tell that a frame is missing
        if trail.open_burst is None:
            trail.open_burst = OpenBurst.around(face, frame.pixels)
        trail.open_burst.add(frame.time_s, frame.pixels, face)
        if frame.time_s > trail.seen_s:
            trail.positions.add(frame.time_s, face)

    def _close_burst(self, trail: Trail) -> None:
        if trail.open_burst is not None and (burst := trail.open_burst.closed()) is not None:
            trail.bursts.add(burst)
        trail.open_burst = None


def _change(a: _Look, b: _Look) -> float:
    return float(change(a.thumb[None], b.thumb[None])[0])


def _closer(frame: _Look, face: Face) -> Face:
    """The face with landmarks from a closer look where the quickest look, much reduced, would leave them coarse."""
    if face.size_px * min(1.0, track_detect.QUICK_SIDE_PX / max(frame.pixels.shape[:2])) >= RUN_REFINE_BELOW_PX:
        return face
    closer = track_detect.close_look(frame.pixels, face.box)
    return closer if closer is not None and nearness(closer.box, face.box, 0.0) > 0.4 else face


def _advance(trail: Trail, frame: _Look, face: Face, step: float) -> None:
    elapsed = frame.time_s - trail.seen_s
    if elapsed > 1e-6:
        (x, y, w, h), (u, v, q, r) = trail.face.box, face.box
        moved = ((u + q / 2 - x - w / 2) / elapsed, (v + r / 2 - y - h / 2) / elapsed)
        trail.velocity = (0.5 * trail.velocity[0] + 0.5 * moved[0], 0.5 * trail.velocity[1] + 0.5 * moved[1])
    height, width = frame.pixels.shape[:2]
    trail.share += face.box[2] * face.box[3] / (width * height) * max(step, 1e-3)
    trail.face, trail.seen_s, trail.last_s = face, frame.time_s, frame.time_s
    trail.looks += 1
    trail.positions.add(frame.time_s, face)
    trail.runs.look(frame.time_s, _closer(frame, face) if trail.runs.waiting else face)
