/** Small helpers for the document. Texts only ever become text nodes. */

const SVG = "http://www.w3.org/2000/svg";

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with attributes and children; children that are null are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that calls `act`; `label` is what a screen reader says, where that is more than its children. */
export function button(label, act, ...children) {
  const made = element("button", { type: "button", ...(label === null ? {} : { "aria-label": label }) }, ...children);
  made.addEventListener("click", act);
  return made;
}

/** A drawing of lines in a square of 16, in the colour of the text around it. */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(line);
  return drawing;
}

/** Put the focus on the button at a place of a list, or the last one; false where the list has none. */
export function focusOn(list, place, selector = "button") {
  const buttons = list.querySelectorAll(selector);
  buttons[Math.min(place, buttons.length - 1)]?.focus({ preventScroll: true });
  return buttons.length > 0;
}

/** A number of bytes in powers of 1,000, with two digits where there would be one. */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const [value, unit] = bytes < 999_500 ? [bytes / 1000, "kB"] : [bytes / 1e6, "MB"];
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ${unit}`;
}

/** Titles as a sentence lists them: one, two and three. */
export function listed(texts) {
  return new Intl.ListFormat("en").format(texts);
}
