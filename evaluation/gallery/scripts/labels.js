// The labels of reports: what the reference and each run say of each finding, and whether they agree.

const STATES = new Map([
  [1, ["●", "present"]], [0, ["○", "absent"]], [-1, ["?", "uncertain"]], [null, ["·", "not mentioned"]],
]);

/** A table of the labels that someone mentions; null for answers that are no reports, or where nobody mentions any. */
function labels(card) {
  const gold = card.reference?.labels ?? null;
  const said = card.answers.map((answer) => answer.value?.labels ?? null);
  const every = [...new Set([gold, ...said].flatMap((one) => Object.keys(one ?? {})))];
  const mentioned = every.filter((label) => [gold, ...said].some((one) => (one?.[label] ?? null) !== null));
  if (!mentioned.length) return null;
  const heads = ["Label", ...(gold ? ["Reference"] : []), ...data.runs];
  const rows = mentioned.map((label) => element("tr", {}, element("th", { scope: "row" }, label),
    gold ? element("td", {}, state(gold[label] ?? null)) : null,
    said.map((one) => verdict(one, gold, label))));
  const rest = every.length - mentioned.length;
  return element("div", { class: "labels" }, element("table", {},
    element("caption", { class: "unseen" }, `Labels of ${card.id}`),
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, rows)),
    rest ? element("p", { class: "quiet" }, `${rest} further labels are mentioned by none.`) : null);
}

function state(value) {
  const [mark, words] = STATES.get(value) ?? ["", String(value)];
  return [element("span", { class: "mark", "aria-hidden": "true" }, mark), ` ${words}`];
}

function verdict(said, gold, label) {
  if (!said) return element("td", { class: "quiet" }, "no labels");
  const value = said[label] ?? null;
  if (!gold) return element("td", {}, state(value));
  const agrees = value === (gold[label] ?? null);
  return element("td", { class: agrees ? "agrees" : "differs" }, state(value),
    sign(agrees ? " ✓" : " ≠", agrees ? ", agrees" : ", differs"));
}
