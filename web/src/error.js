/** The one error type of the module: one sentence that says what was wrong, what is allowed or what to do. */
export class SparserecError extends Error {
  constructor(message) {
    super(message);
    this.name = "SparserecError";
  }
}

/** A text from a file or a caller as a message shows it: in quotes, cut to `most` characters, nothing invisible. */
export function quoted(text, most = 60) {
  const cut = written(text).slice(0, most);
  return `'${cut.replace(/[\p{C}'\\]/gu, (sign) => (sign === "'" ? "\\'" : `\\u{${sign.codePointAt(0).toString(16)}}`))}'`;
}

function written(thing) {
  try {
    return String(thing);
  } catch {
    return typeof thing; // an object that can't be written as text
  }
}
