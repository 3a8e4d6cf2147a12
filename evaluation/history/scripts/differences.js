// Two runs side by side: the settings that differ.

const runs = JSON.parse(document.getElementById("data").textContent);
const byKey = new Map(runs.map((run) => [run.key, run]));
const section = document.getElementById("differences");

function shown(settings, key) {
  const value = settings[key];
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "–");
}

/** A key that one run lacks, as its version did not know it, is like one that is off. */
function isOff(value) {
  return value === undefined || value === null || value === false || value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0);
}

/** The keys whose values differ, those first that both runs have; in the order of the config. */
function differing(one, other) {
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const both = (key) => Object.hasOwn(one, key) && Object.hasOwn(other, key);
  const differs = (key) => shown(one, key) !== shown(other, key) && (both(key) || !isOff(one[key] ?? other[key]));
  return keys.filter(differs).sort((a, b) => both(b) - both(a));
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function showDifferences() {
  const [one, other] = ["from", "to"].map((name) => byKey.get(section.querySelector(`[name=${name}]`).value));
  const keys = differing(one.settings, other.settings);
  const table = document.getElementById("settings");
  const heads = table.tHead.rows[0].cells;
  heads[1].textContent = one.name;
  heads[2].textContent = other.name;
  table.tBodies[0].replaceChildren(
    ...keys.map((key) => {
      const row = document.createElement("tr");
      const head = cell("th", key);
      head.scope = "row";
      row.append(head, cell("td", shown(one.settings, key)), cell("td", shown(other.settings, key)));
      return row;
    }),
  );
  table.hidden = keys.length === 0;
  const kinds = one.task === other.task ? "" : " They are runs of different tasks.";
  const count = keys.length === 1 ? "1 setting differs." : `${keys.length} settings differ.`;
  document.getElementById("said").textContent =
    one === other ? "Choose two different runs." : (keys.length ? count : "No setting differs.") + kinds;
}

function choose(from, to) {
  section.querySelector("[name=from]").value = from;
  section.querySelector("[name=to]").value = to;
  showDifferences();
}
