// The controls are the state: what the form says is shown, and stands in the address so that a view can be linked.

const form = document.getElementById("controls");
const count = document.getElementById("count");
const DEFAULTS = { measure: measures[0].key, sort: "order", direction: "up" };

/** What the form says, defaults left out. */
function stateOfForm() {
  return Object.fromEntries([...new FormData(form)].filter(([name, value]) => value && value !== DEFAULTS[name]));
}

/** Set the form to what an address says; what it does not know is left at its default. */
function setForm(parameters) {
  form.reset();
  for (const control of form.elements) {
    const value = parameters.get(control.name);
    if (!control.name || value === null) continue;
    if (control.type === "checkbox") control.checked = value === "1";
    else control.value = value;
    if (control.tagName === "SELECT" && control.selectedIndex < 0) control.selectedIndex = 0;
  }
}

function addressOf(state, id) {
  return `#${new URLSearchParams(id ? { ...state, id } : state)}`;
}

function figure(number) {
  return number.toLocaleString("en");
}

let typing = 0;

/** Show what the form asks for: at once, or once nobody types any more. */
function updateSoon(event) {
  if (!["search", "text", "number"].includes(event.target.type)) return update();
  clearTimeout(typing);
  typing = setTimeout(update, 120);
}

/** Show what the form asks for. */
function update() {
  clearTimeout(typing);
  const state = stateOfForm();
  const numbers = chosen(state);
  show(numbers, (card) => addressOf(state, card.id));
  count.replaceChildren(`${figure(numbers.length)} of ${figure(data.cards.length)}`, element("span", {}, " images"));
  document.getElementById("nothing").hidden = numbers.length > 0;
  feed.hidden = numbers.length === 0;
  const { q, sort, direction, measure, relation, min, max, ...filters } = state;
  const active = Object.keys(filters).length + (min || max ? 1 : 0);
  document.getElementById("active").textContent = active ? ` (${active})` : "";
  remember();
}

let waiting = 0;

/** Put the state and the card in view into the address, a moment after the last change. */
function remember() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const place = placeInView();
    const card = feed.getBoundingClientRect().top < 0 && place > 0 ? data.cards[list.numbers[place]] : null;
    history.replaceState(null, "", addressOf(stateOfForm(), card?.id));
  }, 300);
}

/** Show what the address says. */
function restore() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  setForm(parameters);
  update();
  const id = parameters.get("id");
  if (id === null) return;
  const place = list.numbers.findIndex((number) => data.cards[number].id === id);
  if (place >= 0) goTo(place);
  else count.append(`; ${id} is not among them`);
}

/** Show the cards with a concept, whoever names it; the pressed card goes, so the first one is focused. */
function filterBy(cui) {
  form.elements.concept.value = cui;
  form.elements.relation.value = "";
  update();
  goTo(0);
}

function option(label, value) {
  return element("option", { value }, label);
}

/** Fill in the choices that the data have. */
function fillChoices() {
  const { modality, measure, sort, concept, relation, runs } = form.elements;
  const modalities = [...new Set(data.cards.map((card) => card.modality ?? "unknown"))].sort();
  modality.append(...modalities.map((one) => option(one, one)));
  modality.closest("label").hidden = modalities.length < 2;
  measure.append(...measures.map((one) => option(one.label, one.key)));
  sort.append(...measures.map((one) => option(one.label, one.key)));
  for (const [number, run] of data.runs.entries()) {
    for (const kind of ["hit", "missed", "extra"]) {
      relation.append(option(two ? `${kind} by ${run}` : kind, `${kind}@${number + 1}`));
    }
  }
  concept.closest("fieldset").hidden = !data.cards.some((card) => conceptsOf(card).length);
  relation.hidden = !data.cards.some(judged);
  if (!two) return runs.closest("label").remove();
  runs.append(option("answers differ", "differ"));
  if (!data.scores.length) return;
  data.runs.forEach((run, number) => runs.append(option(`${run} better in ${data.scores[main].name}`, number + 1)));
}

/** Suggest the most frequent concepts, when there is time for it. */
function fillSuggestions() {
  document.getElementById("concepts").append(...concepts().slice(0, 500).map((one) => option("", one.text)));
  searchable();
}

function togglePanel(open) {
  const button = document.getElementById("filters");
  const panel = document.getElementById("panel");
  panel.hidden = !(open ?? panel.hidden);
  button.setAttribute("aria-expanded", String(!panel.hidden));
}
