// Elements out of plain values. Texts become text nodes, so nothing in the data is ever read as HTML.

/** element("a", {href: "#x", class: "quiet"}, "text", other): null children are left out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/** A sign for the eye, and what it says for the ear. */
function sign(mark, words) {
  return [element("span", { "aria-hidden": "true" }, mark), element("span", { class: "unseen" }, words)];
}

/** A name that may be broken after each underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, at) => (at ? [element("wbr"), part] : [part]));
}

const WORD = /[\p{L}\p{N}]+(?:[-'’.][\p{L}\p{N}]+)*/gu;

/** The different words of a text, in lower case. */
function wordsOf(text) {
  return new Set((text.match(WORD) ?? []).map((word) => word.toLowerCase()));
}

/** A paragraph in which the words that are not among `others` are marked; none are when `others` is null. */
function compared(text, others, kind) {
  const paragraph = element("p", { class: "text", dir: "auto" });
  let [done, from, to] = [0, 0, 0]; // what is written so far, and the marked words that follow one another
  const flush = () => {
    if (to > from) paragraph.append(text.slice(done, from), element("mark", { class: kind }, text.slice(from, to)));
    if (to > from) done = to;
  };
  for (const { 0: word, index } of others ? text.matchAll(WORD) : []) {
    if (others.has(word.toLowerCase())) continue;
    if (to === 0 || text.slice(to, index).trim()) {
      flush();
      from = index;
    }
    to = index + word.length;
  }
  flush();
  paragraph.append(text.slice(done));
  return paragraph;
}
