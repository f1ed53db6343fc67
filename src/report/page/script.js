
"use strict";
// Sorting and filtering. All that the page says is there without it.
(() => {
  const said = (cell) => cell.textContent.trim();
  const number = (text) => Number.parseFloat(text.replace(/[,%\s]/g, ""));
  const compare = (a, b, isNumber) => {
    if (!isNumber) return a.localeCompare(b, "en", { numeric: true });
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x - y;
  };
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      if (head.tagName !== "TH") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const descends = was ? was === "ascending" : isNumber;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descends ? "descending" : "ascending");
        const rows = [...body.rows].filter((row) => !row.classList.contains("sum"));
        const sums = [...body.rows].filter((row) => row.classList.contains("sum"));
        rows.sort((a, b) => (descends ? -1 : 1) * compare(said(a.cells[at]), said(b.cells[at]), isNumber));
        body.append(...rows, ...sums);
      });
    });
  }
  for (const table of document.querySelectorAll("table[data-filter]")) {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("sum"));
    const label = document.createElement("label");
    const input = document.createElement("input");
    const left = document.createElement("span");
    label.className = "filter";
    input.type = "search";
    label.append("Filter ", input, left);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        shown += row.hidden ? 0 : 1;
      }
      left.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
    table.parentElement.before(label);
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
})();
