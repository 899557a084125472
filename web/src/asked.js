/** What callers ask: ids and numbers, checked. */

import { SparserecError, quoted } from "./error.js";

/**
 * An id as text. A whole number beyond 2^53 is refused: it may have been another one before it was a number, as
 * 9007199254740993 from JSON is.
 */
export function textOf(id) {
  if (typeof id === "number" && Number.isInteger(id) && !Number.isSafeInteger(id)) {
    throw new SparserecError(`the id ${id} is beyond 2^53, where numbers lose digits; give it as text or as a BigInt`);
  }
  try {
    return String(id);
  } catch {
    throw new SparserecError("an id is a text or a number");
  }
}

/** Ids as texts; refuses, naming the argument, what is no list. */
export function listed(ids, argument) {
  if (typeof ids === "string" || typeof ids?.[Symbol.iterator] !== "function") {
    throw new SparserecError(`${argument}: ids come as a list, not as ${quoted(ids)}`);
  }
  return Array.from(ids, textOf);
}

/** Refuse what is neither "error" nor "ignore". */
export function checkUnknown(unknown) {
  if (unknown !== "error" && unknown !== "ignore") {
    throw new SparserecError(`unknown must be 'error' or 'ignore', not ${quoted(unknown)}`);
  }
}

/** Refuse what is no whole number of at least 1. */
export function checkCount(k) {
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new SparserecError(`k must be a whole number of at least 1, not ${typeof k === "number" ? k : quoted(k)}`);
  }
}
