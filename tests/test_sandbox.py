"""What workers have in common: frames arrive as they were sent, and limits that a process sets itself hold."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.sandbox import limits
from facevalue.sandbox.frames import PREFIX, pack, read_frame, send, unpack_header

needs_limits = pytest.mark.skipif(limits.resource is None, reason="this platform has no such limits")
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


class Trickle(io.RawIOBase):
    """A stream that takes a few bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        self.taken += bytes(data[:7])
        return min(7, len(data))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.dictionaries(st.text(), VALUES), st.binary(max_size=60)), max_size=4))
def test_frames_arrive_as_they_were_sent(sent: list[tuple[dict, bytes]]) -> None:
    stream = Trickle()
    for header, payload in sent:
        send(stream, header, payload)  # type: ignore[arg-type]
    source = io.BytesIO(stream.taken)
    arrived = [read_frame(source) for _ in sent]
    assert arrived == [(json.loads(json.dumps(header)), payload) for header, payload in sent]
    assert read_frame(source) is None


@given(st.binary(max_size=40), st.data())
def test_a_frame_that_is_cut_off_is_none_or_refused(payload: bytes, data: st.DataObject) -> None:
    whole = pack({"kind": "x"}, len(payload)) + payload
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        assert read_frame(io.BytesIO(whole[:cut])) is None
    except ValueError:
        assert PREFIX.size <= cut < len(whole) - len(payload), "the header itself is cut off"


def test_a_header_is_an_object() -> None:
    with pytest.raises(ValueError, match="JSON object"):
        unpack_header(b"[1]")


def said(program: str) -> str:
    start = "import sys\nfrom facevalue.sandbox.limits import *\nfrom facevalue.sandbox import limits\n"
    done = subprocess.run([sys.executable, "-c", start + program], capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout.strip()


@needs_limits
def test_memory_is_limited_and_freed() -> None:
    program = """
limit_memory(64 << 20)
assert room_bytes() <= 64 << 20
try:
    bytearray(256 << 20)
except MemoryError:
    print("refused")
free_memory()
print(len(bytearray(256 << 20)) >> 20, resident_bytes() > 0)
"""
    assert said(program) == "refused\n256 True"


@needs_limits
def test_no_file_can_be_written_by_a_worker_that_writes_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("limits") / "file"
    program = f"""
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit_for_good()
try:
    open({str(target)!r}, "wb", buffering=0).write(b"x")
except OSError:
    print("refused")
"""
    assert said(program) == "refused"
