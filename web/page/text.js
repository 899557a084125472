/** Texts as they are compared: without regard to case, accents and apostrophes. */

/** Letters that no normalisation takes apart. */
const PLAIN = { æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", ł: "l", þ: "th", ħ: "h" };

/** A text in lower case, its letters without their marks, "ß" as "ss", "&" as "and". */
export function folded(text) {
  return lowered(text)
    .replace(/[æœøđðłþħ]/g, (letter) => PLAIN[letter])
    .replace(/['’‘ʼ]/g, "")
    .replace(/&/g, " and ");
}

/** The same with all its signs, for a query that is nothing but signs. */
export function lowered(text) {
  return text.toUpperCase().toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** Words of a folded text: what stands between blanks and punctuation. Other signs, as of "c++", belong to a word. */
export function wordsOf(text) {
  return text.split(/[\s\p{P}]+/u).filter((word) => word !== "");
}

/**
 * A title as somebody would write all of it: "Matrix, The (1999)" as "the matrix", with no year and nothing in brackets.
 *
 * @param {string} title folded.
 */
export function wholeTitle(title) {
  const named = wordsOf(title.replace(/\s*[([].*$/u, ""));
  const article = /^[^([]*, *(the|a|an)\s*(?:[([].*)?$/u.test(title);
  if (article) named.unshift(named.pop());
  return named.join(" ");
}
