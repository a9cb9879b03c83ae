"use strict";
// The page is complete without this script: it adds sorting, filtering, hiding of columns, and the choice of a cell.

function make(tag, text, parent) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

/** The content of a table's head or cell becomes a button. */
function button(place, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(...place.childNodes);
  place.append(made);
  made.addEventListener("click", action);
  return made;
}

const textOf = (row, column) => row.cells[column].textContent.trim();

/** Compare two rows by a column: as numbers where all cells begin with one, else as text. Empty cells come last. */
function compare(rows, column, sign) {
  const numbers = new Map(rows.map((row) => [row, parseFloat(textOf(row, column).replaceAll(",", ""))]));
  const numeric = rows.every((row) => textOf(row, column) === "" || !Number.isNaN(numbers.get(row)));
  return (a, b) => {
    const [first, second] = [textOf(a, column), textOf(b, column)];
    if (first === "" || second === "") return (first === "") - (second === "");
    return sign * (numeric ? numbers.get(a) - numbers.get(b) : first.localeCompare(second));
  };
}

/** A click on a head sorts upwards, another downwards, a third restores the order of the file. */
function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  heads.forEach((head, column) => {
    button(head, () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] || "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      const rows = [...original];
      if (next !== "none") {
        head.setAttribute("aria-sort", next);
        rows.sort(compare(rows, column, next === "ascending" ? 1 : -1));
      }
      body.append(...rows);
    });
  });
}

/** A field that keeps the rows which contain all of its words. */
function filterable(table, tools) {
  const rows = [...table.tBodies[0].rows];
  const field = make("input", "", tools);
  field.type = "search";
  field.placeholder = "filter rows";
  field.setAttribute("aria-label", "filter rows");
  const count = make("span", "", tools);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => (row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word))));
    const left = rows.filter((row) => !row.hidden).length;
    count.textContent = left === rows.length ? "" : `${left} of ${rows.length} rows`;
  });
}

/** A box for each column but the first, which hides it. */
function hidable(table, tools) {
  const details = make("details", "", tools);
  make("summary", "columns", details);
  const choices = make("div", "", details);
  choices.className = "choices";
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (column === 0) return;
    const label = make("label", "", choices);
    const box = make("input", "", label);
    box.type = "checkbox";
    box.checked = true;
    label.append(" " + head.textContent);
    box.addEventListener("change", () => {
      for (const row of table.rows) row.cells[column].hidden = !box.checked;
    });
  });
}

/** The matrix of methods and seeds shows one cell, all seeds of a method, or all methods with a seed. */
function choosable(section, matrix) {
  const articles = [...section.querySelectorAll("article")];
  const buttons = [];
  const said = section.querySelector(".shown");
  const matches = (wanted, row, seed) =>
    (wanted.row === undefined || wanted.row === row) &&
    (wanted.seed === undefined || seed === undefined || wanted.seed === seed); // a declined method has no seed

  function show(wanted) {
    for (const { made, row, seed } of buttons) {
      if (row !== undefined && seed !== undefined) made.setAttribute("aria-pressed", matches(wanted, row, seed));
    }
    const found = articles.filter((each) => (each.hidden = !matches(wanted, each.dataset.row, each.dataset.seed)) === false);
    if (found.length === 1) found[0].querySelectorAll("details").forEach((each) => (each.open = true));
    said.textContent = "Shown: " + (found.map((each) => each.querySelector("h4").textContent).join("; ") || "no cell");
  }

  const seeds = [...matrix.tHead.rows[0].cells].slice(1).map((head) => head.textContent.replace("seed ", ""));
  function add(place, row, seed) {
    buttons.push({ made: button(place, () => show({ row, seed })), row, seed });
  }
  [...matrix.tHead.rows[0].cells].slice(1).forEach((head, column) => add(head, undefined, seeds[column]));
  for (const line of matrix.tBodies[0].rows) {
    [...line.cells].forEach((cell, column) => {
      if (cell.textContent) add(cell, line.dataset.row, column === 0 ? undefined : seeds[column - 1]);
    });
  }
  show({ seed: seeds[0] });
  return (row) => {
    show({ row });
    section.scrollIntoView();
  };
}

/** In the table of results, the name of a method that has cells shows them. */
function linked(table, section, go) {
  for (const row of table.tBodies[0].rows) {
    if (section.querySelector(`article[data-row="${row.dataset.row}"]`)) {
      button(row.cells[0], () => go(row.dataset.row)).title = "show its cells";
    }
  }
}

for (const table of document.querySelectorAll("table.results")) {
  const tools = document.createElement("div");
  tools.className = "tools";
  table.parentElement.before(tools);
  filterable(table, tools);
  hidable(table, tools);
  sortable(table);
}
for (const section of document.querySelectorAll("section.cells")) {
  const go = choosable(section, section.querySelector("table.matrix"));
  const results = section.parentElement.querySelector("table.results");
  if (results) linked(results, section, go);
}
