// What the page shows: the object that page.py wrote, and what follows from it.

const data = JSON.parse(document.getElementById("data").textContent);
const names = new Map(Object.entries(data.names));
const unsought = new Set(data.unsought); // concepts that no answer can name
const two = data.runs.length === 2;
const main = Math.max(0, data.scores.findIndex((score) => score.primary)); // the score that says which run is better
const referenced = data.cards.some((card) => card.reference !== null);
const unit = data.task === "concept_detection" ? "concepts" : "words";

/** What can be measured of a card: {key, label, of(card) -> number | null}. Ranges and orders are over these. */
const measures = [
  ...data.scores.flatMap((score, at) => data.runs.map((run, number) => ({
    key: two ? `${score.name}@${number + 1}` : score.name,
    label: two ? `${score.name} · ${run}` : score.name,
    of: (card) => card.answers[number].scores[at] ?? null,
  }))),
  ...(two ? data.scores : []).map((score, at) => ({
    key: `${score.name}@2-1`,
    label: `${score.name} · ${data.runs[1]} minus ${data.runs[0]}`,
    of: (card) => gain(card, at),
  })),
  { key: "length", label: `${unit} of the reference`, of: (card) => card.length },
];

/** The second run's score minus the first's; null where one is missing. */
function gain(card, at) {
  const [first, second] = card.answers.map((answer) => answer.scores[at] ?? null);
  return first === null || second === null ? null : second - first;
}

/** Whether the reference's concepts are known, so that a concept can be right or wrong. */
function judged(card) {
  return card.reference !== null || card.concepts.length > 0;
}

/** The concepts of a card and a run: {hit, missed, extra}; {named} where the reference is not known. */
function relations(card, number) {
  const said = card.answers[number].concepts;
  if (!judged(card)) return { named: said };
  return {
    hit: said.filter((cui) => card.concepts.includes(cui)),
    missed: card.concepts.filter((cui) => !said.includes(cui) && !unsought.has(cui)),
    extra: said.filter((cui) => !card.concepts.includes(cui)),
  };
}

/** All concepts of a card, of the reference and of every run. */
function conceptsOf(card) {
  return [card.concepts, ...card.answers.map((answer) => answer.concepts)].flat();
}

/** A concept as text, such as "X-Ray Computed Tomography C0040405". */
function conceptText(cui) {
  return names.has(cui) ? `${names.get(cui)} ${cui}` : cui;
}

/** The words of a value: a text, a list of CUIs (which conceptsOf gives already), or a report. */
function textOf(value) {
  if (value === null || Array.isArray(value)) return "";
  return typeof value === "string" ? value : [value.findings, value.impression, ...(value.icd ?? [])].join("\n");
}

let texts = null;

/** All that can be searched of each card, in lower case; made once, when first needed. */
function searchable() {
  texts ??= data.cards.map((card) => [
    card.id,
    card.modality ?? "",
    textOf(card.reference),
    ...card.answers.map((answer) => `${textOf(answer.value)}\n${answer.failed}`),
    ...conceptsOf(card).map(conceptText),
  ].join("\n").toLowerCase());
  return texts;
}

let known = null;

/** Every concept of the page with its text, the most frequent first. */
function concepts() {
  if (known) return known;
  const counts = new Map();
  for (const card of data.cards) {
    for (const cui of new Set(conceptsOf(card))) counts.set(cui, (counts.get(cui) ?? 0) + 1);
  }
  known = [...counts].sort((a, b) => b[1] - a[1]).map(([cui]) => ({ cui, text: conceptText(cui) }));
  return known;
}
