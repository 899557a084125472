/** What callers ask: ids and numbers, checked. */

import { SparserecError, quoted } from "./error.js";

/**
 * An id as text; refuses, naming the argument, what is neither text nor a whole number. A whole number beyond 2^53 is
 * refused, too: it may have been another one before it was a number, as 9007199254740993 from JSON is.
 */
export function textOf(id, argument) {
  if (typeof id === "string" || typeof id === "bigint" || Number.isSafeInteger(id)) return String(id);
  const at = argument === undefined ? "" : `${argument}: `;
  if (typeof id === "number" && Number.isInteger(id)) {
    throw new SparserecError(
      `${at}the id ${id} is beyond 2^53, where numbers lose digits; give it as text or as a BigInt`,
    );
  }
  const other = Object(id) !== id ? String(id) : Array.isArray(id) ? "a list" : "an object";
  throw new SparserecError(`${at}an id is a text or a whole number, not ${other}`);
}

/** Ids as texts; refuses, naming the argument, what is no list. */
export function listed(ids, argument) {
  if (typeof ids === "string" || typeof ids?.[Symbol.iterator] !== "function") {
    throw new SparserecError(`${argument}: ids come as a list, not as ${quoted(ids)}`);
  }
  return Array.from(ids, (id) => textOf(id, argument));
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
