// The list: only the cards near the window are in the page. Cards have the height they need; those never seen yet
// are taken to have the mean height, and when they turn out otherwise the window is moved by the difference.

const feed = document.getElementById("cards");
const NEAR = 1200; // pixels above and below the window that are kept ready
const TALLEST = 16e6; // pixels; browsers cut elements off not far above it
const PRINTED = 200; // cards at most on paper

const list = { numbers: [], heights: new Float64Array(0), tops: new Float64Array(1), guess: 0, link: () => "#" };
const live = new Map(); // place in the list -> article
const watch = new ResizeObserver(() => paint());
let printing = false;

/** Show these cards from the top; `link(card)` is the address of one. */
function show(numbers, link) {
  Object.assign(list, { numbers, link });
  forget();
  scrollTo(0, Math.min(scrollY, feedTop() - barHeight()));
  paint();
}

/** Drop all that is drawn and measured. */
function forget() {
  for (const place of [...live.keys()]) drop(place);
  list.heights = new Float64Array(list.numbers.length);
  list.guess = 0;
  stack();
}

/** Recompute where each card begins. */
function stack() {
  const { heights, numbers } = list;
  const tops = new Float64Array(numbers.length + 1);
  const guess = list.guess || 400;
  for (let place = 0; place < numbers.length; place++) tops[place + 1] = tops[place] + (heights[place] || guess);
  list.tops = tops;
}

/** The place of the card that lies at a distance from the list's top. */
function placeAt(distance) {
  let [low, high] = [0, Math.max(0, list.numbers.length - 1)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list.tops[middle] <= distance) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Draw what the window shows; again as long as measuring it moved something. */
function paint() {
  if (printing) return;
  for (let round = 0; round < 5; round++) {
    const distance = -feed.getBoundingClientRect().top;
    const anchor = placeAt(Math.max(0, distance));
    const before = list.tops[anchor];
    fill(placeAt(distance - NEAR), Math.min(list.numbers.length, placeAt(distance + innerHeight + NEAR) + 1));
    if (!measure()) return;
    if (distance > 0 && list.tops[anchor] !== before) scrollBy({ top: list.tops[anchor] - before, behavior: "instant" });
  }
}

/** Have exactly the cards from `first` to before `end` in the page. */
function fill(first, end) {
  for (const place of [...live.keys()]) if (place < first || place >= end) drop(place);
  let next = null;
  for (let place = end - 1; place >= first; place--) {
    if (!live.has(place)) add(place, next);
    next = live.get(place);
  }
  const total = list.tops[list.numbers.length];
  feed.style.paddingTop = printing ? "" : `${list.tops[first]}px`;
  feed.style.paddingBottom = printing ? "" : `${Math.max(0, total - list.tops[end])}px`;
}

function add(place, next) {
  const card = data.cards[list.numbers[place]];
  const article = cardElement(card, { place, total: list.numbers.length, link: list.link(card) });
  article.dataset.place = place;
  live.set(place, article);
  feed.insertBefore(article, next);
  watch.observe(article);
}

function drop(place) {
  watch.unobserve(live.get(place));
  live.get(place).remove();
  live.delete(place);
}

/** Note the heights of the cards in the page; whether any is news. */
function measure() {
  const gap = parseFloat(getComputedStyle(feed).rowGap) || 0;
  let news = false;
  for (const [place, article] of live) {
    const height = article.getBoundingClientRect().height + gap;
    if (Math.abs(height - list.heights[place]) > 0.5) {
      list.heights[place] = height;
      news = true;
    }
  }
  if (!list.guess && live.size) {
    const mean = [...live.keys()].reduce((sum, place) => sum + list.heights[place], 0) / live.size;
    list.guess = Math.min(mean, TALLEST / list.numbers.length);
  }
  if (news) stack();
  return news;
}

function feedTop() {
  return feed.getBoundingClientRect().top + scrollY;
}

/** The height of what stays at the window's top. */
function barHeight() {
  return document.getElementById("controls").offsetHeight;
}

/** Bring the card at a place to the window's top, and focus it when asked. */
function goTo(place, { focus = true } = {}) {
  if (!list.numbers.length) return;
  const wanted = Math.min(list.numbers.length - 1, Math.max(0, place));
  scrollTo(0, feedTop() + list.tops[wanted] - barHeight());
  for (let round = 0; round < 3; round++) {
    paint();
    live.get(wanted)?.scrollIntoView({ block: "start" });
  }
  paint();
  if (focus) live.get(wanted)?.focus({ preventScroll: true });
}

/** The place of the first card that can be seen below the bar. */
function placeInView() {
  return placeAt(barHeight() + 40 - feed.getBoundingClientRect().top);
}

/** The place of the focused card, else of the first in view. */
function currentPlace() {
  const focused = document.activeElement?.closest(".card");
  return focused ? Number(focused.dataset.place) : placeInView();
}

addEventListener("scroll", paint, { passive: true });
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return paint();
  width = innerWidth;
  const place = placeInView();
  const below = feed.getBoundingClientRect().top > 0;
  forget();
  if (below) paint();
  else goTo(place, { focus: false });
});
addEventListener("beforeprint", () => {
  const end = Math.min(PRINTED, list.numbers.length);
  document.getElementById("printed").textContent =
    `Printed: ${end} of the ${figure(list.numbers.length)} images chosen, of ${figure(data.cards.length)} in all.`;
  printing = true;
  fill(0, end);
  for (const image of feed.querySelectorAll("img")) image.loading = "eager";
});
addEventListener("afterprint", () => {
  printing = false;
  paint();
});
