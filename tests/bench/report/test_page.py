"""The page in a real browser."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install svct[test]")

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on PATH: apt-get install chromium")

LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


class Tab:
    """An open page with what it complained of and asked for."""

    def __init__(self, browser: Any, path: Path, *, scheme: str) -> None:
        self.page = browser.new_page(viewport=LAPTOP, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.locator("html[data-drawn][data-images]").wait_for(state="attached")

    def pixels(self, canvas: str) -> str:
        """What a canvas shows."""
        shown: str = self.page.locator(canvas).evaluate("canvas => canvas.toDataURL()")
        return shown

    def restart(self) -> None:
        """Choose what is chosen at first."""
        for select in self.page.locator("select:not(#wheel-views, #v-views, #v-a, #v-b)").all():
            select.select_option(index=0)
        self.page.locator("#v-all").click()

    def serious(self, **options: Any) -> list[Any]:
        """What axe finds serious or critical, all details opened."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install svct[test]")
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        found = axe.Axe().run(self.page, options=options).response
        assert found["passes"]
        return [
            (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opened(browser: Any, page: Path) -> Tab:
    return Tab(browser, page, scheme="light")


@pytest.fixture
def tab(opened: Tab) -> Iterator[Tab]:
    opened.restart()
    yield opened
    assert not opened.complaints


@pytest.fixture(scope="module")
def dark(browser: Any, page: Path) -> Tab:
    return Tab(browser, page, scheme="dark")


GRID = "#v-grid canvas[data-image='tv|golden']"
TRUTH = "#v-grid canvas[data-image=truth]"
COMPARE = "#v-compare canvas"


def test_it_is_whole_and_asks_nothing_of_the_network(tab: Tab, page: Path) -> None:
    assert tab.requests == [page.as_uri()]
    assert page.stat().st_size < 15_000_000
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= LAPTOP["width"]
    levels = [int(heading.evaluate("h => h.tagName[1]")) for heading in tab.page.locator("h1, h2, h3").all()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_figure_is_drawn(tab: Tab) -> None:
    plots = tab.page.locator(".plot")
    assert plots.count() == 8  # two tasks: quality, dose, diagnosis, cost
    for plot in plots.all():
        assert plot.locator(".scatterlayer .trace path.js-line").count() == 3
        assert plot.locator(".scatterlayer .point").count() == 6
    assert tab.page.locator(".wheel:visible").count() == 6
    canvases = tab.page.locator("#viewer canvas").all()
    assert len(canvases) == 8  # truth, six images, the comparison
    for canvas in canvases:
        colours = canvas.evaluate(
            "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
        )
        assert colours > 50


def test_choices_change_figure_and_table_together(tab: Tab) -> None:
    page = tab.page
    page.locator("#quality details").evaluate("details => { details.open = true; }")
    before = page.locator("#quality table:visible").inner_text()
    page.locator("#quality-metric").select_option(label="SSIM")
    page.locator("#quality-line").select_option(label="reconstructions, golden views")
    sync_api.expect(page.locator("#quality .legend button")).to_have_text(["fbp", "tv"])
    after = page.locator("#quality table:visible").inner_text()
    assert after != before
    assert after.startswith("task\tviews\tfbp\ttv")
    page.locator("#quality .legend button", has_text="fbp").focus()
    page.keyboard.press("Space")
    sync_api.expect(page.locator("#quality .plot .trace path.js-line")).to_have_count(2)
    headline = page.locator("#headline table:visible").inner_text()
    page.locator("#headline-line").select_option("fbp")
    assert page.locator("#headline table:visible").inner_text() != headline
    page.locator("#wheel-views").select_option("24")
    assert "24 views" in str(page.locator(".wheel:visible").first.get_attribute("aria-label"))


def test_zoom_and_window_by_keyboard_change_all_images(tab: Tab) -> None:
    tab.page.locator("#v-grid").focus()
    seen = {name: [tab.pixels(name)] for name in (GRID, TRUTH, COMPARE)}
    for key in ("+", "+", "ArrowRight", "ArrowDown", "W", "L"):
        tab.page.keyboard.press(key)
        for name, shown in seen.items():
            shown.append(tab.pixels(name))
    for shown in seen.values():
        assert len(set(shown)) == len(shown)
    tab.page.keyboard.press("0")
    tab.page.keyboard.press("w")
    tab.page.locator("#v-preset").select_option("patient")
    assert tab.pixels(GRID) == seen[GRID][0]
    truth = tab.pixels(TRUTH)
    tab.page.locator("#v-grid").focus()
    tab.page.keyboard.press("d")
    assert tab.pixels(GRID) != seen[GRID][0]
    assert tab.pixels(TRUTH) == truth


def test_window_and_level_are_in_hounsfield_units(tab: Tab, folder: Path) -> None:
    import numpy as np

    from svct.bench.report.load import read_run
    from svct.units import mu_to_hu

    key = next(r.key for r in read_run(folder).results if (r.task, r.views) == ("chest", 8))
    with np.load(folder / "images" / f"{key}.npz") as stored:
        truth = mu_to_hu(stored["truth"][0])
    assert tab.page.locator("#v-panel").input_value() == "chest"
    row, column = (length // 2 for length in truth.shape)
    readout = tab.page.locator("#v-readout").inner_text()
    assert f"row {row}, column {column}: truth {round(float(truth[row, column]))};" in readout
    tab.page.locator("#v-preset").select_option("bone")
    assert tab.page.locator("#v-width").input_value() == "1800"
    box = tab.page.locator(TRUTH).evaluate(
        "c => [...c.getContext('2d').getImageData(c.width / 2 + 1, c.height / 2 + 1, 1, 1).data]"
    )
    grey = min(255, max(0, ((float(truth[row, column]) - 400) / 1800 + 0.5) * 255))
    assert box[0] == pytest.approx(grey, abs=1)


def test_the_slider_moves_the_border(tab: Tab) -> None:
    tab.page.locator("#v-a").select_option("fbp|equidistant")
    tab.page.locator("#v-b").select_option("truth")
    middle = tab.pixels(COMPARE)
    tab.page.locator("#v-split").focus()
    for _ in range(5):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.locator("#v-split").input_value() == "55"
    moved = tab.pixels(COMPARE)
    tab.page.keyboard.press("Home")
    assert len({middle, moved, tab.pixels(COMPARE)}) == 3


def test_pointer_drags_and_zooms(tab: Tab) -> None:
    canvas = tab.page.locator(GRID)
    canvas.scroll_into_view_if_needed()
    start = tab.pixels(TRUTH)
    canvas.hover()
    tab.page.keyboard.down("Control")
    tab.page.mouse.wheel(0, -300)
    tab.page.keyboard.up("Control")
    zoomed = tab.pixels(TRUTH)
    box = canvas.bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + 80, box["y"] + 80)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 60, box["y"] + 70)
    tab.page.mouse.up()
    assert len({start, zoomed, tab.pixels(TRUTH)}) == 3


def test_axe_finds_nothing_serious(tab: Tab, dark: Tab) -> None:
    assert not tab.serious()
    assert not dark.serious(runOnly=["color-contrast"])


def test_axe_would_find_something(dark: Tab) -> None:
    dark.page.evaluate("document.body.append(Object.assign(document.createElement('button'), { id: 'bare' }))")
    assert [name for name, _ in dark.serious(runOnly=["button-name"])] == ["button-name"]
    dark.page.evaluate("document.getElementById('bare').remove()")


def test_the_theme_can_be_chosen(tab: Tab) -> None:
    def paper() -> str:
        shown: str = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return shown

    assert paper() == "rgb(255, 255, 255)"
    for _ in range(2):
        tab.page.locator("#theme").press("Enter")
    assert tab.page.locator("#theme").inner_text() == "Theme: dark"
    assert paper() == "rgb(20, 23, 27)"
    tab.page.locator("#theme").press("Enter")
    assert paper() == "rgb(255, 255, 255)"


def test_it_fits_a_phone(dark: Tab) -> None:
    dark.page.set_viewport_size(PHONE)
    width = LAPTOP["width"]
    for _ in range(100):  # curves follow the width of the window a little later
        width = dark.page.evaluate("document.documentElement.scrollWidth")
        if width <= PHONE["width"]:
            break
        dark.page.wait_for_timeout(100)
    assert width <= PHONE["width"]
    dark.page.set_viewport_size(LAPTOP)


def test_paper_is_white_in_the_dark_too(dark: Tab) -> None:
    assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    dark.page.emulate_media(media="print")
    assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not dark.page.locator("nav").is_visible()
    assert dark.page.pdf(format="A4").startswith(b"%PDF")
    dark.page.emulate_media(media="screen")
    assert not dark.complaints
