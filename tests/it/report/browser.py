"""Opens a report in headless chromium and says all that is wrong with it: exit code 1 if anything is.

    browser.py CHROMIUM FOLDER whole|hostile|bare|measure [SHOTS]

FOLDER holds report.html and summary.json. With SHOTS, a folder, it keeps pictures of the page at each width, light and dark.
What it measures (bytes, time to load) it prints; times are not judged. `measure` looks at nothing else: it opens the page once
and prints the milliseconds until it was loaded.
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = (400, 1000, 1600)
# No page is as large as this.
MOST_BYTES = 3_000_000
# Enough on a machine that is busy, too: who needs longer hangs.
HANG_MS = 240_000
SECTIONS = ["totals", "product", "patient", "together", "time", "columns", "confidence", "review", "failures"]
SECTIONS += ["cost", "throughput", "made"]
# Charts of the example: kind, and how many at least.
CHARTS = {"pareto": 4, "heat": 1, "time": 13, "confidence": 2, "throughput": 1}
# A machine of tests has no network: what a browser asks of its makers at every start would only fail.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

wrong = []


def expect(holds, what):
    if not holds:
        wrong.append(what)


def in_summary(summary, path):
    """What stands in the summary under a path; codes of a list are found by their name."""
    for part in path.split("/"):
        if isinstance(summary, list):
            summary = next((item for item in summary if item.get("code") == part), None)
        else:
            summary = summary.get(part) if isinstance(summary, dict) else None
    return summary


class Opened:
    """A page, and all that it asked for and complained of."""

    def __init__(self, browser, address, name, width=1000, scheme="light", script=True):
        self.name, self.trouble = name, []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        self.context.set_default_timeout(HANG_MS)
        self.page = self.context.new_page()
        note = lambda kind: lambda event: self.trouble.append(f"{kind}: {getattr(event, 'text', event)}")
        self.page.on("console", note("console"))
        self.page.on("pageerror", note("error"))
        self.page.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("requestfailed", lambda request: self.trouble.append(f"failed: {request.url[:80]}"))
        self.page.on("request", lambda request: self.asked(request.url, address))
        self.page.goto(address, wait_until="load")

    def asked(self, url, address):
        if url.split("#")[0] != address and not url.startswith("data:,"):
            self.trouble.append(f"asked for {url[:80]}")

    def __enter__(self):
        return self.page

    def __exit__(self, *_):
        expect(not self.trouble, f"{self.name}: {self.trouble}")
        self.context.close()


def loaded(page):
    """Milliseconds from the start until the page was loaded."""
    return round(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))


def figures(page, summary):
    """Every figure equals what summary.json says, and is written as it is."""
    found = page.eval_on_selector_all(
        "[data-figure]", "all => all.map(e => [e.dataset.figure, e.dataset.value, e.textContent.trim()])"
    )
    for path, value, shown in found:
        said = in_summary(summary, path)
        expect(said is not None and str(said) == value, f"figure {path} is {value}, summary.json says {said}")
        expect(shown.replace(",", "") == value, f"figure {path} shows {shown} for {value}")
    places = {path for path, _, _ in found}
    wanted = {"total_records", "review_rows", "calls", "total_input_tokens", "balance/rows_out"}
    wanted |= {f"outcomes/{name}" for name in summary["outcomes"]}
    wanted |= {f"review/{name}" for name in summary["review"]}
    wanted |= {f"errors/{name}/count" for name in summary["errors"]}
    for problem, codes in summary["code_distribution"].items():
        wanted |= {f"code_distribution/{problem}/{item['code']}/rows" for item in codes}
    expect(wanted <= places, f"no figure for {sorted(wanted - places)}")
    return len(found)


# Charts whose texts run out of them, or that draw nothing.
CHARTS_IN_PLACE = """() => [...document.querySelectorAll('figure[data-chart]')].flatMap(figure => {
  const svg = figure.querySelector('svg'), frame = svg.getBoundingClientRect(), found = [];
  const kind = `${figure.dataset.chart} (${svg.getAttribute('aria-label').slice(0, 40)})`;
  if (!svg.querySelector('title').textContent) found.push(`${kind} has no title`);
  if (frame.width < 150 || frame.height < 40) found.push(`${kind} is ${frame.width} by ${frame.height}`);
  if (!svg.querySelector('rect.fill, rect.hot')) found.push(`${kind} draws nothing`);
  for (const text of svg.querySelectorAll('text')) {
    const box = text.getBoundingClientRect();
    const out = Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom);
    if (out > 1.5) found.push(`${kind}: '${text.textContent}' runs ${out.toFixed(0)} px out`);
    if (parseFloat(getComputedStyle(text).fontSize) * frame.width / svg.viewBox.baseVal.width < 8)
      found.push(`${kind}: '${text.textContent}' is too small to read`);
  }
  return found;
})"""

# Contrast of the page's ink and soft ink on its paper (WCAG 2: 4.5 to 1).
CONTRAST = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return ['body', 'footer', 'nav a'].map(of => {
    const ink = light(getComputedStyle(document.querySelector(of)).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
}"""


def looks(browser, address, shots):
    """At every width, light and dark."""
    papers = set()
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            name = f"{width}-{scheme}"
            with Opened(browser, address, name, width, scheme) as page:
                across = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                expect(across[0] <= across[1], f"{name}: the page is {across[0]} px wide in a window of {across[1]}")
                for fault in page.evaluate(CHARTS_IN_PLACE):
                    expect(False, f"{name}: {fault}")
                contrast = min(page.evaluate(CONTRAST))
                expect(contrast >= 4.5, f"{name}: contrast is {contrast:.1f} to 1")
                papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                print(f"{name}: loaded in {loaded(page)} ms")
                if shots:
                    page.screenshot(path=f"{shots}/{name}.png", full_page=True)
    expect(len(papers) == 2, f"light and dark have papers {papers}")


def sorts_and_filters(browser, address):
    with Opened(browser, address, "script") as page:
        column = "all => all.map(row => row.cells[1].textContent.replace(/,/g, '')).map(Number)"
        rows = "#columns table[data-sort] >> nth=0 >> css=tbody tr:not(.sum)"
        table = page.locator("#columns table[data-sort]").first
        button = table.locator("thead th.n button").first
        read = lambda: table.locator("tbody tr:not(.sum)").evaluate_all(column)
        before = read()
        expect(len(before) > 1, f"{rows}: {len(before)} rows to sort")
        button.click()
        button.click()
        expect(read() == sorted(before), f"sorted upwards: {read()}")
        button.click()
        expect(read() == sorted(before, reverse=True), f"sorted downwards: {read()}")
        page.locator("#product details summary").last.click()
        field = page.locator("#product .filter input")
        all_rows = page.locator("#product table[data-filter] tbody tr")
        code = all_rows.first.locator("td").first.inner_text()
        field.fill(code)
        shown = [row.inner_text() for row in all_rows.all() if row.is_visible()]
        expect(shown and all(code in text for text in shown), f"filtered by {code}: {shown}")
        expect(len(shown) < all_rows.count(), "the filter leaves all rows")
        field.fill("")
        expect(all(row.is_visible() for row in all_rows.all()), "an empty filter hides rows")


def same_without_script(browser, address):
    outline = """() => [[...document.querySelectorAll('section')].map(s => s.id),
        document.querySelectorAll('tbody tr').length, document.querySelectorAll('figure[data-chart] svg *').length,
        document.querySelectorAll('button, input').length]"""
    with Opened(browser, address, "with script") as page:
        with_script = page.evaluate(outline)
    with Opened(browser, address, "without script", script=False) as page:
        without = [
            page.locator("section").evaluate_all("all => all.map(s => s.id)"),
            page.locator("tbody tr").count(),
            page.locator("figure[data-chart] svg *").count(),
            page.locator("button, input").count(),
        ]
    expect(with_script[:3] == without[:3], f"with script {with_script[:3]}, without {without[:3]}")
    expect(with_script[3] > 0 and without[3] == 0, f"controls: {with_script[3]} with script, {without[3]} without")
    return without[0]


def prints(browser, address):
    # As wide as A4 between its margins.
    with Opened(browser, address, "paper", 710) as page:
        page.emulate_media(media="print")
        wide = page.locator(".scroll").evaluate_all(
            "all => all.filter(s => s.scrollWidth > s.clientWidth + 2).map(s => s.getAttribute('aria-label'))"
        )
        expect(not wide, f"paper: tables run out of it: {wide}")
        expect(not page.locator("nav").is_visible(), "paper: the list of sections is on it")
        hidden = [d for d in page.locator("details > div, details > p").all() if d.bounding_box()["height"] < 5]
        expect(not hidden, f"paper: {len(hidden)} parts are folded")
        pdf = page.pdf(format="A4")
        expect(pdf.startswith(b"%PDF") and len(pdf) > 20_000, f"paper: {len(pdf)} bytes of PDF")
        print(f"paper: {len(pdf)} bytes of PDF")


def whole(browser, address, summary, shots):
    looks(browser, address, shots)
    sections = same_without_script(browser, address)
    expect(sections == SECTIONS, f"sections are {sections}")
    sorts_and_filters(browser, address)
    prints(browser, address)
    with Opened(browser, address, "figures") as page:
        print(f"figures: {figures(page, summary)} equal summary.json")
        for kind, least in CHARTS.items():
            count = page.locator(f"figure[data-chart={kind}] svg").count()
            expect(count >= least, f"{count} charts of {kind}, {least} expected")


def hostile(browser, address, summary, shots):
    looks(browser, address, shots)
    with Opened(browser, address, "hostile") as page:
        page.wait_for_timeout(200)
        found = page.evaluate(
            """() => [document.scripts.length, document.images.length, typeof window.pwned,
                document.querySelectorAll('#pwned, b, [onload], [onerror], a[href^=javascript]').length,
                document.body.textContent.split('window.pwned').length]"""
        )
        expect(found[:4] == [1, 0, "undefined", 0], f"scripts, images, what ran, what came in: {found}")
        expect(found[4] > 10, "the markup is not shown as text")
        figures(page, summary)


def bare(browser, address, summary, shots):
    looks(browser, address, shots)
    with Opened(browser, address, "bare") as page:
        figures(page, summary)


def measure(browser, address, summary, shots):
    with Opened(browser, address, "measure") as page:
        print(loaded(page))


def main():
    chromium, folder, kind = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    shots = sys.argv[4] if len(sys.argv) > 4 else None
    report = folder / "report.html"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    size = report.stat().st_size
    expect(size < MOST_BYTES, f"the page has {size} bytes, {MOST_BYTES} are too many")
    if kind != "measure":
        print(f"page: {size} bytes")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=HANG_MS)
        kinds = {"whole": whole, "hostile": hostile, "bare": bare, "measure": measure}
        kinds[kind](browser, report.resolve().as_uri(), summary, shots)
        browser.close()
    for what in wrong:
        print(f"wrong: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
