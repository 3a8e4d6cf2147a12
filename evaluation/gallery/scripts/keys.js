// Keys, dialogs and the colour scheme.

const help = document.getElementById("help");
const zoom = document.getElementById("zoom");
const letters = document.getElementById("letters");

/** What this browser remembers under a name; null where it remembers nothing. */
function recall(name) {
  try {
    return localStorage.getItem(`imageclef-gallery-${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`imageclef-gallery-${name}`, value);
  } catch {
    // A browser that keeps nothing for files: the choice holds until the page is closed.
  }
}

/** Show an image as large as the window allows. */
function enlarge(source, alt) {
  const image = zoom.querySelector("img");
  image.src = source;
  image.alt = alt;
  zoom.querySelector("p").textContent = alt;
  zoom.showModal();
}

function setTheme(theme) {
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (theme) document.documentElement.dataset.theme = theme;
  document.getElementById("theme").setAttribute("aria-pressed", String(dark));
}

const KEYS = {
  j: () => goTo(currentPlace() + step()),
  k: () => goTo(currentPlace() - 1),
  "/": () => form.elements.q.select(),
  "?": () => help.showModal(),
};
Object.assign(KEYS, { ArrowRight: KEYS.j, ArrowLeft: KEYS.k });

/** From the head of the page the first step leads to the first card, later ones to the next. */
function step() {
  return document.activeElement?.closest(".card") || feed.getBoundingClientRect().top < barHeight() ? 1 : 0;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || zoom.open) return;
  const own = event.target.closest?.("input, select, .wide"); // which have a use of their own for keys
  if (event.key === "Escape" && form.contains(event.target)) return leaveForm(event);
  const single = event.key.length === 1;
  if (own || !Object.hasOwn(KEYS, event.key) || (single && !letters.checked)) return;
  event.preventDefault();
  KEYS[event.key]();
}

/** Escape empties the search first, then goes back to the cards. */
function leaveForm(event) {
  const { q } = form.elements;
  if (event.target === q && q.value) {
    q.value = "";
    update();
  } else {
    goTo(placeInView());
  }
  event.preventDefault();
}

addEventListener("keydown", onKey);
for (const dialog of [help, zoom]) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) dialog.close();
  });
}
