"""A real JupyterLab, started by the command that `make lab` calls, in a real browser."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Error, sync_playwright

from course_utils.project.notebooks import with_answer

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WIDGET = "window.jupyterapp.shell.currentWidget"
OUTPUT = ".jp-OutputArea-output"
CELLS = f"{WIDGET}.content.model.sharedModel.cells.map(cell => cell.toJSON())"


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium. Where there is none, CI fails and a learner's machine skips."""
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        if browser is None:
            reason = "no Chromium or Chrome is on the PATH or in its usual place: install one"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        yield browser
        browser.close()


def launched(chromium):
    """Start the first browser that there is: on the PATH, an installed Chrome, playwright's own."""
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    found = next(filter(None, map(shutil.which, NAMES)), None)
    places = [{"executable_path": found}] if found else [{"channel": "chrome"}, {}]
    for place in places:
        try:
            return chromium.launch(args=QUIET + as_root, **place)
        except Error as error:
            if "executable doesn't exist" not in str(error).lower() and "is not found" not in str(
                error
            ):
                raise
    return None


@pytest.fixture
def address(tmp_path):
    """The address that `make lab` prints, of a JupyterLab on a fresh workspace."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTEST"))}
    for name in ("config", "data", "runtime"):
        variables[f"JUPYTER_{name.upper()}_DIR"] = str(tmp_path / name)
    variables["JUPYTERLAB_SETTINGS_DIR"] = str(tmp_path / "settings")
    variables["JUPYTERLAB_WORKSPACES_DIR"] = str(tmp_path / "workspaces")
    command = [sys.executable, "-m", "course_utils", "lab", "--no-browser"]
    command += ["--workspace", str(tmp_path / "my_notebooks")]
    # The notebook's model can then be read from the page.
    command += ["--", "--LabApp.expose_app_in_browser=True"]
    said = tmp_path / "said.txt"
    with said.open("w") as log:
        lab = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        yield wait_for(
            lambda: re.search(r"http://127\S+token=\w+", said.read_text()), lab, said
        ).group()
    finally:
        kernels = psutil.Process(lab.pid).children(recursive=True) if lab.poll() is None else []
        lab.terminate()  # Lab ends its kernels, then itself
        _, left = psutil.wait_procs([*kernels, psutil.Process(lab.pid)], timeout=20)
        for process in left:
            process.kill()
        lab.wait(10)
        assert not left, "JupyterLab left processes behind"


def wait_for(condition, process, said, limit=60):
    """Wait until a condition gives something, as long as the process lives."""
    end = time.monotonic() + limit
    while time.monotonic() < end and process.poll() is None:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not come up:\n{said.read_text()}")


class Lesson:
    """A notebook open in JupyterLab, driven as a learner would, read through its model."""

    def __init__(self, page, name):
        self.page, self.name = page, name
        self.hosts = set()
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def open(self, address):
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(
            f"{WIDGET}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000
        )

    def cells(self):
        """Return the notebook's cells with their outputs."""
        return self.page.evaluate(CELLS)

    def indices(self, tag):
        """Return the places of the cells with a tag."""
        cells = enumerate(self.cells())
        return [place for place, cell in cells if tag in cell["metadata"].get("tags", [])]

    def index(self, tag):
        """Return the place of the one cell with a tag."""
        (found,) = self.indices(tag)
        return found

    def index_of(self, text):
        """Return the place of the one cell whose source holds a text."""
        (found,) = (n for n, cell in enumerate(self.cells()) if text in cell["source"])
        return found

    def shown(self, index):
        """Make a cell the active one and return the text that the page shows below it.

        The cell is found by its place, since the page marks the active one a moment later; the
        text is awaited, since a cell out of sight isn't in the page until it is scrolled to.
        """
        self.page.evaluate(f"{WIDGET}.content.activeCellIndex = {index}")
        self.page.evaluate(f"{WIDGET}.content.scrollToItem({index})")
        outputs = f"[...{WIDGET}.content.widgets[{index}].node.querySelectorAll('{OUTPUT}')]"
        visible = f"{outputs}.filter(node => node.checkVisibility())"
        text = f"{visible}.map(node => node.innerText).join('\\n')"
        return self.page.wait_for_function(f"(text => text.trim() && text)({text})").json_value()

    def run_all(self, limit=180):
        """Choose "Run All Cells" from the menu and wait until the last one is done."""
        # The menu's own, since a lesson may speak of "Run All Cells" in its text.
        self.page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        self.page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        count = "filter(cell => cell.cell_type === 'code').every(cell => cell.execution_count)"
        # An error ends the run, with cells behind it that never get a number.
        error = "some(cell => (cell.outputs || []).some(out => out.output_type === 'error'))"
        self.page.wait_for_function(f"{CELLS}.{count} || {CELLS}.{error}", timeout=limit * 1000)
        self.wait_until_idle()

    def wait_until_idle(self):
        self.page.wait_for_function(
            f"{WIDGET}.sessionContext.session.kernel.status === 'idle'", timeout=60_000
        )

    def answer(self, index, source):
        """Type a new source into a cell, run it, and return the text that the page shows."""
        self.page.evaluate(f"{WIDGET}.content.activeCellIndex = {index}")
        self.page.evaluate("jupyterapp.commands.execute('notebook:enter-edit-mode')")
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        assert self.cells()[index]["source"] == source
        self.run(index)
        return self.shown(index)

    def exercise(self, task):
        """Answer an exercise: as it is handed out, its first mistake, its solution."""
        place = self.index(f"exercise:{task.id}")
        starter = self.cells()[place]["source"]
        assert self.shown(place).startswith("○ Not attempted")
        message = self.answer(place, with_answer(starter, task, task.mistakes[0].answer))
        assert message.startswith("✗ Wrong")
        told = task.mistakes[0].message.replace("`", "")  # the page shows code as code
        assert told in re.sub(r"\s+", " ", message)
        message = self.answer(place, with_answer(starter, task, task.solution))
        assert message.startswith("✓ Right")

    def run(self, index):
        """Run a cell as it stands, and wait until it is done."""
        before = json.dumps(self.cells()[index]["execution_count"])
        self.page.evaluate(f"{WIDGET}.content.activeCellIndex = {index}")
        self.page.evaluate("jupyterapp.commands.execute('notebook:enter-edit-mode')")
        self.page.keyboard.press("ControlOrMeta+Enter")
        self.page.wait_for_function(f"(c => c && c !== {before})({CELLS}[{index}].execution_count)")
        self.wait_until_idle()

    def picture(self, tag):
        """Keep a picture of the notebook from the cell with a tag on: the README shows one."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.evaluate(f"{WIDGET}.content.scrollToItem({self.index(tag)}, 'start')")
        self.page.wait_for_timeout(1000)
        name = f"{self.name}-{tag.replace(':', '-')}.png"
        self.page.locator(".jp-NotebookPanel").first.screenshot(path=SCREENSHOTS / name)

    def screenshots(self):
        """Keep pictures of the whole notebook, a screenful each, under build/screenshots."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for old in SCREENSHOTS.glob(f"{self.name}-*.png"):
            old.unlink()
        panel = self.page.locator(".jp-WindowedPanel-outer").first
        height = panel.evaluate("node => node.clientHeight")
        panel.evaluate("node => node.scrollTo(0, 0)")
        for number in range(80):
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=SCREENSHOTS / f"{self.name}-{number:02}.png")
            at = panel.evaluate(
                f"node => {{ node.scrollBy(0, {height - 40}); return node.scrollTop; }}"
            )
            if at + height >= panel.evaluate("node => node.scrollHeight") - 1 and number:
                self.page.wait_for_timeout(300)
                self.page.screenshot(path=SCREENSHOTS / f"{self.name}-{number + 1:02}.png")
                break


@pytest.fixture
def open_lesson(browser, address):
    """Return a function that opens a lesson, at the address that `make lab` prints by default."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})

    def open_it(name):
        lesson = Lesson(page, name)
        # In a workspace of its own: JupyterLab would open the notebook before it again.
        lesson.open(
            re.sub(r"/lab/tree/\w+\.ipynb", f"/lab/workspaces/{name}/tree/{name}.ipynb", address)
        )
        return lesson

    yield open_it
    page.close()
