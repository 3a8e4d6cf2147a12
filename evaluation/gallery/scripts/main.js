// The page comes to life.

fillChoices();
letters.checked = recall("letters") !== "off";
letters.addEventListener("change", () => keep("letters", letters.checked ? "on" : "off"));
setTheme(recall("theme"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(recall("theme")));
document.getElementById("theme").addEventListener("click", (event) => {
  const theme = event.currentTarget.getAttribute("aria-pressed") === "true" ? "light" : "dark";
  keep("theme", theme);
  setTheme(theme);
});
document.getElementById("filters").addEventListener("click", () => togglePanel());
document.getElementById("asked").addEventListener("click", () => help.showModal());
document.getElementById("print").addEventListener("click", () => print());
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").addEventListener("click", () => {
  form.reset();
  update();
});
form.addEventListener("input", updateSoon);
addEventListener("scroll", remember, { passive: true });
addEventListener("hashchange", restore);
new ResizeObserver(() => feed.style.setProperty("--bar", `${barHeight()}px`)).observe(form);
history.scrollRestoration = "manual";
restore();
requestAnimationFrame(() => setTimeout(() => {
  performance.mark("first-cards");
  (self.requestIdleCallback ?? setTimeout)(fillSuggestions);
}));
