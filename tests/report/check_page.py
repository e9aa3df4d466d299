#!/usr/bin/env python3
"""check_page.py PAGE.html [--screenshots FOLDER]: opens a report in headless Chromium at phone and
desktop width, light and dark, with and without scripts, and prints what is wrong with it.

Speaks the DevTools protocol over a pipe, with the standard library alone.
Exit status: 0 all is well, 1 something is wrong, 77 there is no Chromium.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

WIDTHS = {"phone": (360, 780, True), "desktop": (1280, 900, False)}

# What must hold of the page, as a list of complaints.
CHECK = r"""
(() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width)
    wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${width} px`);
  for (const element of document.body.querySelectorAll('*')) {
    const scroller = element.closest('.table');
    const box = element.getBoundingClientRect();
    if (box.right > width + 0.5 && (!scroller || scroller === element))
      wrong.push(`${element.tagName} ${element.className} reaches ${box.right} of ${width} px`);
  }
  for (const scroller of document.querySelectorAll('.table'))
    if (scroller.scrollWidth > scroller.clientWidth + 1)
      wrong.push(`a table scrolls sideways: ${scroller.querySelector('caption').textContent}`);
  const figures = document.querySelectorAll('figure');
  if (figures.length === 0) wrong.push('no figures');
  for (const figure of figures) {
    const svg = figure.querySelector('svg');
    if (!svg || svg.getAttribute('role') !== 'img' || (svg.getAttribute('aria-label') || '').length < 20)
      wrong.push('a figure without text alternative: ' + figure.textContent.slice(0, 60));
  }
  for (const image of document.querySelectorAll('img'))
    if (!image.alt) wrong.push('an image without text alternative');
  for (const text of document.querySelectorAll('svg text')) {
    const view = text.ownerSVGElement.viewBox.baseVal;
    const box = text.getBBox();
    if (!text.hasAttribute('transform') && (box.x < 0 || box.x + box.width > view.width || box.y < 0 || box.y + box.height > view.height))
      wrong.push(`words outside of a figure: ${text.textContent}`);
    const size = parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width / view.width;
    if (size < 9) wrong.push(`words of ${size.toFixed(1)} px: ${text.textContent}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) wrong.push('an id stands twice');
  for (const link of document.querySelectorAll('nav a'))
    if (!document.querySelector(link.getAttribute('href'))) wrong.push('a link to nowhere: ' + link.textContent);
  // Contrast of text with what it stands on (WCAG 2: 4.5).
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const element of document.querySelectorAll('h1,h2,h3,p,th,td,a,figcaption,pre,dt,dd,button,svg text')) {
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    if (ratio(colour, ground(element)) < 4.5)
      wrong.push(`contrast ${ratio(colour, ground(element)).toFixed(2)}: ${element.tagName} ${element.textContent.slice(0, 40)}`);
  }
  return [...new Set(wrong)];
})()
"""

# What the script adds.
CHECK_SCRIPT = r"""
(() => {
  const wrong = [];
  const svg = document.querySelector('svg[data-plot]');
  if (!svg) return wrong;
  svg.scrollIntoView();
  const box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
  const readout = svg.nextElementSibling;
  if (!readout.classList.contains('readout') || !/: .*\d/.test(readout.textContent)) wrong.push('no values under the pointer');
  if (/NaN|undefined/.test(readout.textContent)) wrong.push('values under the pointer: ' + readout.textContent);
  svg.dispatchEvent(new PointerEvent('pointerleave'));
  const button = document.querySelector('.toggles button');
  if (button) {
    const marks = [...button.parentElement.nextElementSibling.querySelectorAll('[data-series]')].filter(m => m.dataset.series === button.textContent);
    button.click();
    if (marks.length === 0 || marks.some(m => getComputedStyle(m).display !== 'none')) wrong.push('a switch does not hide its curves');
    button.click();
    if (marks.some(m => getComputedStyle(m).display === 'none')) wrong.push('a switch does not show its curves again');
  }
  window.scrollTo(0, 0);
  return wrong;
})()
"""


class Browser:
    """Chromium at the other end of a pipe."""

    def __init__(self, program, profile):
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()

        def hand_over():
            # Chromium reads from 3 and writes to 4; copied first beyond both, lest one covers the other.
            read, write = os.dup(to_browser), os.dup(from_browser)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.number = 0
        self.events = []
        self.deadline = time.monotonic() + 240

    def receive(self):
        while b"\0" not in self.buffer:
            if time.monotonic() > self.deadline:
                raise RuntimeError("Chromium does not answer")
            data = os.read(self.reader, 1 << 16)
            if not data:
                raise RuntimeError("Chromium has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def capture(browser, session, folder, name, width, step=1500):
    """Pictures of the whole page, from the top."""
    height = browser.call("Page.getLayoutMetrics", session)["cssContentSize"]["height"]
    for part in range(int((height + step - 1) // step)):
        clip = {"x": 0, "y": part * step, "width": width, "height": min(step, height - part * step), "scale": 1}
        image = browser.call("Page.captureScreenshot", session, clip=clip, captureBeyondViewport=True)
        (folder / f"{name}-{part}.png").write_bytes(base64.b64decode(image["data"]))


def look(browser, url, device, scheme, scripts, screenshots):
    """Complaints about one page in one browser window."""
    width, height, mobile = WIDTHS[device]
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        browser.call(f"{domain}.enable", session)
    browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=height,
                 deviceScaleFactor=1, mobile=mobile)
    browser.call("Emulation.setEmulatedMedia", session,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Emulation.setScriptExecutionDisabled", session, value=not scripts)
    browser.events.clear()
    browser.call("Page.navigate", session, url=url)
    browser.wait_for("Page.loadEventFired")

    def evaluate(expression):
        result = browser.call("Runtime.evaluate", session, expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            return [str(result["exceptionDetails"])]
        return result["result"]["value"]

    wrong = evaluate(CHECK)
    if scripts:
        wrong += evaluate(CHECK_SCRIPT)
        dark = evaluate("[getComputedStyle(document.body).backgroundColor]")[0]
        if (scheme == "dark") != (sum(map(int, dark[4:-1].split(","))) < 384):
            wrong.append(f"the ground is {dark}")
    if screenshots and scripts:
        capture(browser, session, screenshots, f"{device}-{scheme}", width)
    if scripts and scheme == "dark" and device == "desktop":
        # On paper it is light, and nothing is cut off.
        pdf = base64.b64decode(browser.call("Page.printToPDF", session, printBackground=True)["data"])
        if not pdf.startswith(b"%PDF") or len(pdf) < 10000:
            wrong.append("does not print")
        if screenshots:
            (screenshots / "print.pdf").write_bytes(pdf)
        browser.call("Emulation.setEmulatedMedia", session, media="print",
                     features=[{"name": "prefers-color-scheme", "value": "dark"}])
        ground = evaluate("[getComputedStyle(document.documentElement).backgroundColor]")[0]
        if ground != "rgb(255, 255, 255)":
            wrong.append(f"prints on {ground}")
        if screenshots:
            capture(browser, session, screenshots, "print", width)
    for event in browser.events:
        parameters = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            asked = parameters["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                wrong.append(f"asks for {asked}")
        elif event["method"] == "Runtime.consoleAPICalled":
            wrong.append(f"console: {parameters['args']}")
        elif event["method"] == "Runtime.exceptionThrown":
            wrong.append(f"exception: {parameters['exceptionDetails']}")
        elif event["method"] == "Log.entryAdded":
            entry = parameters["entry"]
            if scripts or entry["source"] != "javascript":
                wrong.append(f"log: {entry['text']}")
    browser.call("Target.closeTarget", targetId=target)
    return wrong


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    screenshots = None
    if len(sys.argv) == 4 and sys.argv[2] == "--screenshots":
        screenshots = pathlib.Path(sys.argv[3])
        screenshots.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("skipped: Chromium is not installed")
        return 77
    failed = False
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(program, profile)
        try:
            for device in WIDTHS:
                for scheme in ("light", "dark"):
                    for scripts in (True, False) if scheme == "light" else (True,):
                        wrong = look(browser, page.as_uri(), device, scheme, scripts, screenshots)
                        for complaint in wrong:
                            print(f"FAIL: {device}, {scheme}{'' if scripts else ', no scripts'}: {complaint}")
                        failed = failed or bool(wrong)
        finally:
            browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
