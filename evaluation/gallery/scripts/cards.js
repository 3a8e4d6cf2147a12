// One card: the image, the reference and each run's answer side by side, and the labels of a report below.

const RELATIONS = {
  hit: ["✓", "hit"], missed: ["−", "missed"], extra: ["+", "extra"], named: ["", "named"],
};

/** The card as an article of a feed; `place` is its place among `total` shown, `link` leads to it. */
function cardElement(card, { place, total, link }) {
  const title = element("h3", { id: `card-${place}` }, element("a", { href: link }, card.id));
  const facts = [card.modality, card.length ? `${card.length} ${unit}` : null].filter(Boolean).join(" · ");
  return element("article", {
    class: "card", tabindex: "0", "aria-labelledby": `card-${place}`, "aria-posinset": place + 1, "aria-setsize": total,
  },
    element("header", {}, title, element("span", { class: "quiet" }, facts),
      element("span", { class: "quiet place" }, `${place + 1} of ${total}`)),
    images(card),
    element("div", { class: "sides" }, referenceSide(card), card.answers.map((_, number) => answerSide(card, number))),
    labels(card),
  );
}

function images(card) {
  const all = [card.image, ...(card.views ?? [])].filter(Boolean);
  if (!all.length) return data.shared ? null : element("div", { class: "images none quiet" }, "no image");
  const what = `Image ${card.id}${card.modality ? `, ${card.modality}` : ""}`;
  const buttons = all.map((source, at) => {
    const alt = at ? `${what}, view ${at + 1}` : what;
    const image = element("img", { alt, loading: "lazy", decoding: "async", draggable: "false" });
    image.addEventListener("error", () => image.replaceWith(`${alt}: not found`));
    image.src = source;
    const button = element("button", { type: "button", class: "image", title: "Enlarge" }, image);
    button.addEventListener("click", () => enlarge(source, alt));
    return button;
  });
  return element("div", { class: "images" }, buttons);
}

/** The reference; null where the page has none at all. */
function referenceSide(card) {
  if (!referenced) return null;
  const value = card.reference;
  const said = wordsOf(card.answers.map((answer) => textOf(answer.value)).join("\n"));
  return element("section", { class: "side" }, element("h4", {}, "Reference"),
    value === null ? element("p", { class: "quiet" }, "There is no reference.") : valueParts(value, said.size ? said : null, "missed"),
    value === null && card.concepts.length ? chips(card.concepts, "named") : null,
    value === null ? null : unsoughtGroup(card));
}

/** The concepts that stand apart because no answer can name them; null where there are none. */
function unsoughtGroup(card) {
  const cuis = card.concepts.filter((cui) => unsought.has(cui));
  return cuis.length ? group("named", `not looked for (${cuis.length})`, cuis) : null;
}

function group(kind, title, cuis) {
  return element("div", { class: `group ${kind}` }, element("h5", {}, title), chips(cuis, kind));
}

function answerSide(card, number) {
  const answer = card.answers[number];
  const heard = card.reference === null ? null : wordsOf(textOf(card.reference));
  const parts = answer.failed
    ? [element("p", { class: "failed" }, element("strong", {}, "✕ failed"), answer.failed === "failed" ? "" : ` ${answer.failed}`)]
    : answer.value === null ? [element("p", { class: "quiet" }, data.shared ? "Left out for sharing." : "No answer.")]
      : Array.isArray(answer.value) && answer.value.length ? [] : valueParts(answer.value, heard, "extra");
  return element("section", { class: "side" }, element("h4", {}, data.runs[number]), parts,
    conceptGroups(card, number), scoreList(card, number));
}

/** A text, a list of concepts or a report, with the words that the other side lacks marked. */
function valueParts(value, others, kind) {
  if (Array.isArray(value)) return [value.length ? chips(value, "named") : element("p", { class: "quiet" }, "No concepts.")];
  if (!textOf(value).trim()) return [element("p", { class: "quiet" }, "An empty text.")];
  if (typeof value === "string") return [compared(value, others, kind)];
  const sections = [["Findings", value.findings], ["Impression", value.impression]].filter(([, text]) => text);
  return [
    ...sections.flatMap(([title, text]) => [element("h5", {}, title), compared(text, others, kind)]),
    value.icd?.length ? element("p", { class: "quiet" }, `ICD ${value.icd.join(", ")}`) : null,
  ];
}

function conceptGroups(card, number) {
  const groups = Object.entries(relations(card, number)).filter(([, cuis]) => cuis.length);
  return groups.map(([kind, cuis]) => group(kind, `${RELATIONS[kind][1]} (${cuis.length})`, cuis));
}

/** A list of concepts; each is a button that filters by it. */
function chips(cuis, kind) {
  return element("ul", { class: "chips" }, cuis.map((cui) => {
    const name = names.get(cui);
    const button = element("button", { type: "button", class: `chip ${kind}`, title: `Show all images with ${cui}` },
      RELATIONS[kind][0] ? sign(`${RELATIONS[kind][0]} `, `${RELATIONS[kind][1]}: `) : null,
      name ?? cui, name ? element("small", {}, ` ${cui}`) : null);
    button.addEventListener("click", () => filterBy(cui));
    return element("li", {}, button);
  }));
}

function scoreList(card, number) {
  const rows = data.scores.map((score, at) => {
    const value = card.answers[number].scores[at] ?? null;
    const other = two ? card.answers[1 - number].scores[at] ?? null : null;
    const better = value !== null && other !== null && value > other;
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", Math.min(1, Math.max(0, value ?? 0)));
    return element("div", { class: better ? "better" : null },
      element("dt", {}, breakable(score.name), score.surrogate ? sign("\u00a0≈", ", surrogate") : null),
      element("dd", {}, value === null ? sign("–", "no value") : value.toFixed(3),
        better ? sign(" ▲", " better") : null, bar));
  });
  return rows.length ? element("dl", { class: "scores" }, rows) : null;
}
