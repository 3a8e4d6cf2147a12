// Which cards a state of the controls shows, and in which order.
// A state is {q, modality, concept, relation, runs, measure, min, max, failed, sort, direction}, each a text or absent.

/** The numbers of the cards to show, in order. */
function chosen(state) {
  const tests = [...wordTests(state), ...cardTests(state)];
  const numbers = [];
  for (let number = 0; number < data.cards.length; number++) {
    if (tests.every((test) => test(data.cards[number], number))) numbers.push(number);
  }
  return sorted(numbers, state);
}

function wordTests({ q }) {
  const words = (q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const haystacks = searchable();
  return [(_, number) => words.every((word) => haystacks[number].includes(word))];
}

function cardTests(state) {
  const tests = [];
  if (state.modality) tests.push((card) => (card.modality ?? "unknown") === state.modality);
  if (state.failed) tests.push((card) => card.answers.some((answer) => answer.failed));
  if (state.concept?.trim()) tests.push(conceptTest(state.concept, state.relation ?? ""));
  if (state.min || state.max) tests.push(rangeTest(state));
  if (state.runs === "differ") {
    tests.push(({ answers: [a, b] }) => JSON.stringify(a.value) !== JSON.stringify(b.value));
  } else if (state.runs) {
    const sign = state.runs === "2" ? 1 : -1;
    tests.push((card) => sign * (gain(card, main) ?? 0) > 0);
  }
  return tests;
}

/** Cards with a concept whose name or CUI holds the text, in the relation: "" for any, else such as "hit@1". */
function conceptTest(text, relation) {
  const part = text.trim().toLowerCase();
  const wanted = new Set(concepts().filter((one) => one.text.toLowerCase().includes(part)).map((one) => one.cui));
  const [kind, run] = relation.split("@");
  const among = (card) => (kind ? relations(card, Number(run) - 1)[kind] ?? [] : conceptsOf(card));
  return (card) => among(card).some((cui) => wanted.has(cui));
}

function rangeTest({ measure, min, max }) {
  const { of } = measures.find((one) => one.key === measure) ?? measures[0];
  const [low, high] = [min ? Number(min) : -Infinity, max ? Number(max) : Infinity];
  return (card) => {
    const value = of(card);
    return value !== null && value >= low && value <= high;
  };
}

/** Cards without the value come last in both directions; equal ones stay in official order. */
function sorted(numbers, { sort, direction }) {
  const sign = direction === "down" ? -1 : 1;
  if (sort === "id") {
    const { compare } = new Intl.Collator("en", { numeric: true });
    return numbers.sort((a, b) => sign * compare(data.cards[a].id, data.cards[b].id));
  }
  const measure = measures.find((one) => one.key === sort);
  if (!measure) return sign > 0 ? numbers : numbers.reverse();
  const values = data.cards.map(measure.of);
  return numbers.sort((a, b) => {
    if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null);
    return sign * (values[a] - values[b]);
  });
}
