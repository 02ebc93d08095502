"""The reports in a real browser: layers switch by keyboard, the script runs under its policy, nothing is requested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser
import handmade
import handmade_clip
import pytest

from facevalue.reports import write_report
from facevalue.reports.batch import write_index

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tab() -> Iterator[browser.Browser]:
    executable = browser.find_chromium()
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with browser.Browser(executable) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(handmade.suspect(), tmp_path_factory.mktemp("browser") / "report.html")


def complaints(tab: browser.Browser) -> list[dict[str, object]]:
    return [
        e
        for e in tab.events
        if e["method"] in {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
    ]


def requests(tab: browser.Browser) -> list[str]:
    urls = [e["params"]["request"]["url"] for e in tab.events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


def visible(tab: browser.Browser, layer: str) -> bool:
    return tab.evaluate(f"getComputedStyle(document.querySelector('.layer.{layer}')).visibility") == "visible"


def test_layers_switch_by_keyboard(tab: browser.Browser, report: Path) -> None:
    tab.open(report)
    assert visible(tab, "boxes-0")
    assert visible(tab, "heat-0")
    assert not visible(tab, "faces")
    for control in ("on-boxes-0", "on-faces", "on-heat-1"):
        tab.evaluate(f"document.getElementById('{control}').focus()")
        tab.press_space()
    assert not visible(tab, "boxes-0")
    assert visible(tab, "faces")
    assert visible(tab, "heat-1")
    assert not visible(tab, "heat-0")  # heat maps exclude each other
    assert complaints(tab) == []
    assert requests(tab) == [report.as_uri()]


def test_script_runs_under_its_policy_and_others_do_not(tab: browser.Browser, report: Path, tmp_path: Path) -> None:
    tab.open(report)
    assert tab.evaluate("document.documentElement.classList.contains('js')")
    tab.evaluate("(s => { s.value = 40; s.dispatchEvent(new Event('input')); })(document.getElementById('opacity'))")
    assert tab.evaluate("getComputedStyle(document.querySelector('.heat-0 img')).opacity") == "0.4"
    injected = tmp_path / "injected.html"
    html = report.read_text(encoding="utf-8")
    injected.write_text(html.replace("</main>", "<script>window.owned = 1</script></main>"), encoding="utf-8")
    tab.open(injected)
    assert tab.evaluate("window.owned") is None


def test_layers_switch_without_javascript(tab: browser.Browser, report: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(report)
        root = tab.call("DOM.getDocument")["root"]["nodeId"]
        control = tab.call("DOM.querySelector", nodeId=root, selector="#on-boxes-0")["nodeId"]
        tab.call("DOM.focus", nodeId=control)
        tab.press_space()
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert not visible(tab, "boxes-0")
    assert not tab.evaluate("document.documentElement.classList.contains('js')")


@pytest.mark.parametrize("width", [360, 1280])
def test_page_fits_the_window(tab: browser.Browser, report: Path, width: int) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    try:
        tab.open(report)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        tab.call("Emulation.clearDeviceMetricsOverride")


def test_index_opens_its_reports(tab: browser.Browser, tmp_path: Path) -> None:
    index = write_index([handmade.suspect(), handmade.declared(), handmade.unreadable()], tmp_path)
    tab.open(index)
    links = tab.evaluate("Array.from(document.querySelectorAll('td a'), a => a.getAttribute('href'))")
    assert len(links) == 3
    assert complaints(tab) == []
    assert requests(tab) == [index.as_uri()]
    tab.open(tmp_path / links[0])
    assert complaints(tab) == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(handmade_clip.suspect(), tmp_path_factory.mktemp("browser") / "clip.html")


def shown_moments(tab: browser.Browser) -> list[str]:
    shown = "Array.from(document.querySelectorAll('.moment')).filter(m => getComputedStyle(m).display !== 'none')"
    classes: list[str] = tab.evaluate(f"{shown}.map(m => m.classList[1])")
    return classes


def playhead(tab: browser.Browser) -> float:
    rect = "document.querySelector('.{}').getBoundingClientRect()"
    left = tab.evaluate(f"{rect.format('playhead')}.left - {rect.format('rows .over')}.left")
    return float(left) / float(tab.evaluate(f"{rect.format('rows .over')}.width"))


def press_right(tab: browser.Browser) -> None:
    key = {"key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
    tab.call("Input.dispatchKeyEvent", type="keyDown", **key)
    tab.call("Input.dispatchKeyEvent", type="keyUp", **key)


def test_a_click_on_a_span_jumps_to_its_moment(tab: browser.Browser, clip: Path) -> None:
    tab.open(clip)
    (first,) = shown_moments(tab)
    bar = "document.querySelector('label.bar-of[title^=\"gap in the time\"]')"
    wanted = tab.evaluate(f"{bar}.htmlFor")
    tab.evaluate(f"{bar}.click()")
    assert shown_moments(tab) == [wanted]
    assert wanted != first
    left = float(tab.evaluate(f"document.getElementById('{wanted}').dataset.left"))
    assert playhead(tab) == pytest.approx(left / 100, abs=0.01)
    assert complaints(tab) == []
    assert requests(tab) == [clip.as_uri()]


def test_a_click_anywhere_on_a_row_jumps_to_what_is_nearest(tab: browser.Browser, clip: Path) -> None:
    tab.open(clip)
    tab.evaluate(
        "(p => { const b = p.getBoundingClientRect(); p.dispatchEvent(new MouseEvent('click', "
        "{bubbles: true, clientX: b.left + 0.5 * b.width, clientY: b.top + 2})); })"
        "(document.querySelector('.row.curve .plane'))"
    )
    assert playhead(tab) == pytest.approx(0.5, abs=0.03)


def test_moments_and_heat_maps_switch_by_keyboard_without_javascript(tab: browser.Browser, clip: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(clip)
        root = tab.call("DOM.getDocument")["root"]["nodeId"]

        def focus(selector: str) -> None:
            node = tab.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
            tab.call("DOM.focus", nodeId=node)

        (before,) = shown_moments(tab)
        layer = f"getComputedStyle(document.querySelector('.{before} .layer')).visibility"
        assert tab.evaluate(layer) == "visible"
        focus("#on-over-none")
        tab.press_space()
        assert tab.evaluate(layer) == "hidden"
        focus(f"#{before}")
        press_right(tab)
        assert shown_moments(tab) == [f"m-{int(before[2:]) + 1}"]
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_choosing_a_moment_does_not_scroll_the_page(tab: browser.Browser, clip: Path) -> None:
    tab.open(clip)
    tab.evaluate("document.querySelector('.row.sound').scrollIntoView({block: 'center'})")
    place = tab.evaluate("scrollY")
    tab.evaluate("document.querySelector('.row.bars label').click()")
    assert tab.evaluate("scrollY") == place


@pytest.mark.parametrize("width", [360, 1280])
def test_time_line_fits_the_window(tab: browser.Browser, clip: Path, width: int) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    try:
        tab.open(clip)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        tab.call("Emulation.clearDeviceMetricsOverride")


def test_report_of_a_recording_opens_without_complaint(tab: browser.Browser, tmp_path: Path) -> None:
    path = write_report(handmade_clip.call(), tmp_path / "call.html")
    tab.open(path)
    assert len(shown_moments(tab)) == 1
    assert complaints(tab) == []
    assert requests(tab) == [path.as_uri()]
