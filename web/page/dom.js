/** Small helpers for the document. Texts only ever become text nodes. */

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

/** A number of bytes in powers of 1,000. */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Titles as a sentence lists them: one, two and three. */
export function listed(texts) {
  return new Intl.ListFormat("en").format(texts);
}
