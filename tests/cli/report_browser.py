#!/usr/bin/env python3
"""report_browser.py REPORT.html FIGURES.json [NAME...] - use a report in Chromium.

Drives Debian's chromedriver over its HTTP protocol (W3C WebDriver). Exit status 1 when
something is not as it should be: a line says what. NAMEs are tensors that must be rows of
the table with just these names, whatever markup they look like.
"""
import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

ENTER = "\ue007"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    def __init__(self, folder):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                break
        else:
            raise SystemExit("FAIL: chromedriver does not start")
        self.url = "http://127.0.0.1:%s/session" % found.group(1)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--user-data-dir=" + os.path.join(folder, "profile")]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        session = self.send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.url += "/" + session["sessionId"]

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit("FAIL: %s %s: %s" % (method, path, error.read().decode()[:500]))

    def open(self, path):
        self.send("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        return self.send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.send("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.send("POST", "/element/%s/click" % self.find(selector), {})

    def press(self, selector, keys):
        self.send("POST", "/element/%s/value" % self.find(selector), {"text": keys})

    def log(self, kind):
        return self.send("POST", "/se/log", {"type": kind})

    def resize(self, width, height):
        self.send("POST", "/window/rect", {"width": width, "height": height})

    def close(self):
        try:
            self.send("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


def check(holds, what, *seen):
    if not holds:
        raise SystemExit("FAIL: %s%s" % (what, ": %s" % (seen,) if seen else ""))


def check_parts(page, figures):
    layers = figures["layers"]
    count = lambda selector: page.run("return document.querySelectorAll(arguments[0]).length", selector)
    check(count("#layers tbody tr") == len(layers) > 0, "a row a layer", count("#layers tbody tr"), len(layers))
    check(count("article svg.histogram .h-fp32") == len(layers), "a histogram a layer")
    check(count("article svg.histogram .h-engine") == len(layers), "the engine's values in each")
    held = sum(layer["range_low"] is not None for layer in layers)
    check(count("svg.histogram .h-range") == 2 * held > 0, "the thresholds of each range")
    check(count("svg.graph .edges path") >= count("svg.graph .node") - 2 > 1, "the network is drawn")
    check(count("svg.graph a.node") == len(layers), "a box for each row", count("svg.graph a.node"))
    check(not page.run("return document.querySelector('main').innerHTML.match(/\\b(nan|inf|undefined)\\b/)"), "figures that are none")
    boxes = page.run("""return Array.from(document.querySelectorAll('svg.graph .node rect'))
        .map((box) => { const r = box.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })""")
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            check(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], "boxes overlap", a, b)
    data = page.run("return document.getElementById('data').textContent")
    check(json.loads(data) == figures, "the page's data are those of --json")


def check_sorting(page, figures):
    column = lambda: page.run("""return Array.from(document.querySelectorAll('#layers tbody tr'))
        .map((row) => Number(row.cells[6].dataset.v))""")
    state = lambda n: page.run("return document.querySelectorAll('#layers thead th')[arguments[0]].ariaSort", n)
    header = "#layers thead th:nth-child(7) button"
    check(state(5) == "ascending", "the worst layers come first", state(5))
    alone = page.run("""return Array.from(document.querySelectorAll('#layers tbody tr'))
        .map((row) => Number(row.cells[5].dataset.v))""")
    check(alone == sorted(alone), "rows are in the order that the header says", alone)
    page.click(header)
    values = column()
    check(state(6) == "ascending" and state(5) == "none", "a click sorts by its column")
    check(values == sorted(values) and len(set(values)) > 1, "ascending", values)
    page.press(header, ENTER)
    check(state(6) == "descending" and column() == sorted(values, reverse=True), "Enter turns it round", column())
    page.click("#layers thead th:nth-child(2) button")
    names = page.run("return Array.from(document.querySelectorAll('#layers tbody th')).map((th) => th.textContent)")
    check(sorted(names) == sorted(layer["name"] for layer in figures["layers"]), "all names are there", names)
    in_order = page.run("""return arguments[0].slice().sort((a, b) =>
        a.localeCompare(b, undefined, { numeric: true }))""", names)
    check(names == in_order, "sorted by name", names)


def check_choosing(page):
    page.click("svg.graph a.node:last-of-type rect")
    chosen = page.run("""const row = document.querySelector('#layers tr.chosen');
        const a = row.getBoundingClientRect(), b = row.closest('.scroll').getBoundingClientRect();
        return [document.querySelectorAll('#layers tr.chosen').length,
                row.dataset.row === document.querySelector('svg.graph a.node.chosen').dataset.row,
                row.dataset.row === document.querySelector('article.chosen').dataset.row,
                a.top >= b.top && a.bottom <= b.bottom]""")
    check(chosen == [1, True, True, True], "a box chooses its row, card and itself, and shows the row", chosen)
    page.run("document.querySelector('svg.graph a.node').focus()")
    check(page.run("return document.activeElement.matches('svg.graph a.node')"), "boxes take the focus")
    page.click("#save")


def check_widths(page):
    for width in (1280, 500):
        page.resize(width, 900)
        over = page.run("return document.documentElement.scrollWidth - window.innerWidth")
        check(over <= 0, "wider than a window of %d" % width, over)
    pdf = base64.b64decode(page.send("POST", "/print", {}))
    check(pdf.startswith(b"%PDF"), "prints")


def check_names(page, names):
    seen = page.run("return Array.from(document.querySelectorAll('#layers tbody th')).map((th) => th.textContent)")
    for name in names:
        check(name in seen, "the name as it is", name, seen)
    foreign = page.run("return Array.from(document.querySelectorAll('img, iframe, object, embed, link, base, "
                       "script[src], [onload], [onerror], a[href^=http]')).map((e) => e.outerHTML)")
    check(not foreign, "markup out of a name", foreign)
    check(page.run("return document.scripts.length") == 2, "a script out of a name")
    check("owned" not in page.run("return document.title").split(" beside ")[0], "a name ran as script")


def check_quiet(page):
    lines = [entry["message"] for entry in page.log("browser")]
    check(not lines, "the console says something", lines)
    requests = []
    for entry in page.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requests.append(message["params"]["request"]["url"])
    check(len([url for url in requests if url.startswith("file:")]) == 1, "one file is read", requests)
    outside = [url for url in requests if not url.startswith(("file:", "blob:"))]
    check(not outside, "it asks the network", outside)


def main():
    report, figures = sys.argv[1], json.load(open(sys.argv[2]))
    page = Browser(os.getcwd())
    try:
        page.resize(1280, 900)
        page.log("performance")  # what the browser itself asked for when it started
        page.open(report)
        check_parts(page, figures)
        check_names(page, sys.argv[3:])
        check_sorting(page, figures)
        check_choosing(page)
        check_widths(page)
        check_quiet(page)
    finally:
        page.close()


main()
