"""A folder of reports and its index."""

from __future__ import annotations

import json
import re
from pathlib import Path

import handmade
import handmade_clip

from facevalue.reports.batch import BatchReport, write_index


def test_index_links_every_report(tmp_path: Path) -> None:
    exams = [handmade.suspect(), handmade.unreadable(), handmade.declared()]
    index = write_index(exams, tmp_path / "reports")
    html = index.read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"#]+)"', html)
    assert len(links) == 3
    for link in links:
        assert (index.parent / link).read_text(encoding="utf-8").startswith("<!doctype html>")
        json.loads((index.parent / link).with_suffix(".json").read_text(encoding="utf-8"))
    # The strongest verdict first.
    assert html.index("declared synthetic</span>") < html.index("suspect</span>") < html.index("unexamined</span>")
    assert html.count("data:image/jpeg") == 2


def test_equal_files_get_reports_of_their_own(tmp_path: Path) -> None:
    batch = BatchReport(tmp_path)
    pages = {batch.add(handmade.unreadable()) for _ in range(3)}
    assert len(pages) == 3


def test_names_cannot_leave_the_folder_or_break_the_page(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a\"onmouseover='x'.jpg", "<b>.jpg", "index", "写真.jpg", "\udcff", "." * 300]
    index = write_index([handmade.suspect(exhibit=handmade.exhibit(n)) for n in names], tmp_path / "in")
    assert {p.parent for p in tmp_path.rglob("*.*")} == {tmp_path / "in"}
    html = index.read_text(encoding="utf-8")
    assert "<b>" not in html.replace("<b>1</b>", "").replace(f"<b>{len(names)}</b>", "")
    for link in re.findall(r'<a href="([^"#]+)"', html):
        assert re.fullmatch(r"[A-Za-z0-9_-]+\.html", link)


def test_index_shows_a_frame_of_a_clip_and_the_sound_of_a_recording(tmp_path: Path) -> None:
    index = write_index([handmade_clip.suspect(), handmade_clip.call()], tmp_path)
    html = index.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg") == html.count("data:image/png") == 1
    assert "clip, 0:12" in html
    assert "recording, 0:20" in html
    assert "nothing to show" not in html
