/** One side of a file, items or users: its tensors by kind, and checks that several parts of it share. */

import { SparserecError } from "./error.js";

/** The tensors of a sparse side that say where its values are. */
export const GAPS = ["gaps_low", "gaps_high"];

/** Those that say it of item columns, in a table that has ordinary ones too. */
export const ITEM_GAPS = ["item_gaps_low", "item_gaps_high"];

/**
 * @param {string} name "items" or "users".
 * @param {number} n rows, as the card says.
 * @param {number} dim columns, as the card says.
 * @param all tensors of the whole file by name.
 * @param {Iterable<string>} kinds names of tensors, after that of the side, that there can be.
 * @returns `{ name, n, dim, tensors, sparse }`: tensors by kind, and whether there is a tensor of gaps.
 */
export function sideOf(name, n, dim, all, kinds) {
  const tensors = {};
  for (const kind of kinds) {
    if (all.has(`${name}.${kind}`)) tensors[kind] = all.get(`${name}.${kind}`);
  }
  return { name, n, dim, tensors, sparse: GAPS.some((kind) => kind in tensors) };
}

/** Columns that tables may have; from version 3 on that many more than there are items. */
export const MOST_COLUMNS = 65_536;

/**
 * Whether a table of so many rows may have the columns that the card says. What is set aside by the column is so bounded by
 * the items, each of which takes bytes of the file, and all cells can be counted.
 */
export function sizesFit({ format_version: version, dim, n_items: items }, rows) {
  if (dim <= MOST_COLUMNS) return dim >= 1 && rows >= 1;
  return version >= 3 && dim <= items + MOST_COLUMNS && rows >= 1 && rows * dim < 2 ** 53;
}

/** Whether all of these tensors are there, each in one dimension. */
export function haveOneDimension({ tensors }, kinds) {
  return kinds.every((kind) => tensors[kind]?.shape.length === 1);
}

/** Whether a tensor has one dimension and this length. */
export function isVector({ shape }, length) {
  return shape.length === 1 && shape[0] === length;
}

/** Names of tensors as messages list them. */
export function listed(kinds) {
  return kinds.map((kind) => `'${kind}'`).join(", ");
}

/** Put the side before the message of an error. */
export function naming(side, action) {
  try {
    return action();
  } catch (error) {
    if (error instanceof SparserecError) throw new SparserecError(`'${side.name}': ${error.message}`);
    throw error;
  }
}
