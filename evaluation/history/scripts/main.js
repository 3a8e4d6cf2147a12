// What is only of use with a script is shown now, and set to work.

if (rows.length) {
  document.getElementById("unscripted").hidden = true;
  makeSortable([...document.querySelectorAll("#runs thead th")]);
  controls.hidden = false;
  controls.addEventListener("input", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
if (rows.length > 1) {
  section.hidden = false;
  for (const select of section.querySelectorAll("select")) {
    for (const run of runs) select.append(new Option(`${run.name} (${run.task.replaceAll("_", " ")})`, run.key));
    select.addEventListener("change", showDifferences);
  }
  for (const row of rows) {
    const button = row.querySelector(".changes");
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      choose(byKey.get(row.dataset.key).before, row.dataset.key);
      section.scrollIntoView({ block: "start" });
      section.querySelector("[name=from]").focus({ preventScroll: true });
    });
  }
  document.getElementById("swap").addEventListener("click", () => {
    choose(section.querySelector("[name=to]").value, section.querySelector("[name=from]").value);
  });
  choose(runs[0].before || runs[1].key, runs[0].key);
}
