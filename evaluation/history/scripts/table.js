// Sorting and filtering the table of runs.

const rows = [...document.querySelectorAll("#runs tbody tr")];
const controls = document.getElementById("controls");

/** What a cell is sorted by: a number, a text, or null for nothing, which is last in both directions. */
function orderOf(row, column) {
  const order = row.cells[column].dataset.order;
  if (!order) return null;
  return Number.isNaN(Number(order)) ? order : Number(order);
}

function compare(one, other) {
  if (typeof one === typeof other) return one < other ? -1 : one > other ? 1 : 0;
  return typeof one === "number" ? -1 : 1;
}

function sortBy(column, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const sorted = [...rows].sort((one, other) => {
    const [a, b] = [orderOf(one, column), orderOf(other, column)];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * compare(a, b);
  });
  sorted[0].parentNode.append(...sorted);
}

/** Titles become buttons: the first press sorts texts upwards and numbers downwards, as the best is looked for. */
function makeSortable(heads) {
  for (const [column, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const now = head.getAttribute("aria-sort");
      const direction = !now ? first : now === "ascending" ? "descending" : "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction);
      sortBy(column, direction);
    });
  }
}

/** Show the rows of the task in which every word occurs. */
function filter() {
  const task = controls.elements.task.value;
  const words = controls.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = (task && row.dataset.task !== task) || !words.every((word) => text.includes(word));
    shown += !row.hidden;
  }
  document.getElementById("count").textContent =
    shown === rows.length ? `${shown} runs` : `${shown} of ${rows.length} runs`;
}
