/** Which row and column each value of a sparse table belongs to, from the gaps between them. */

import { SparserecError } from "./error.js";
import { checkCode, eachBlock, oneBits } from "./rice.js";
import { MOST_COLUMNS } from "./side.js";

const MAX_SHIFT = 30;
const NAMES = { tensors: "gaps", number: "gap" };
const ITEM_NAMES = { tensors: "item_gaps", number: "item gap" };

export const STRUCTURE = { version: 1, tensors: { gaps_low: "U8", gaps_high: "U8" } };

/** The same for item columns, of a table that has ordinary columns too. */
export const ITEM_STRUCTURE = {
  version: 3,
  tensors: { item_gaps_low: "U8", item_gaps_high: "U8" },
  itemsOnly: true,
};

/** Low bits of a gap in a table of so many cells and values: what makes the longest code shortest. */
function shiftOf(cells, nnz) {
  let best = 0;
  let least = Infinity;
  for (let shift = 0; shift <= MAX_SHIFT; shift += 1) {
    const bits = nnz * (1 + shift) + Math.floor((cells - nnz) / 2 ** shift);
    if (bits < least) {
      best = shift;
      least = bits;
    }
  }
  return best;
}

/** Room for the columns of so many values, in the narrowest type. */
function roomFor(dim, nnz) {
  return new (dim <= 256 ? Uint8Array : dim <= MOST_COLUMNS ? Uint16Array : Uint32Array)(nnz);
}

/**
 * @param {Uint8Array} low
 * @param {Uint8Array} high
 * @param {number} n rows.
 * @param {number} dim columns, at least 1.
 * @param {number} nnz values.
 * @param names what messages call the gaps.
 * @param {boolean} emptyRows whether rows may be empty; then `n` must have been borne out already.
 * @returns `{ pointers, columns }`: the values of row i are those from `pointers[i]` to `pointers[i + 1]`, and
 * `columns` has the column of each, in the narrowest of Uint8Array, Uint16Array and Uint32Array.
 */
export function decodeGaps(low, high, n, dim, nnz, names = NAMES, emptyRows = false) {
  const cells = n * dim;
  if (emptyRows && nnz === 0 && low.length + high.length === 0) {
    return { pointers: new Uint32Array(n + 1), columns: roomFor(dim, 0) };
  }
  if (!(1 <= n && (emptyRows ? 1 : n) <= nnz && nnz <= cells)) throw unfilled(n, dim, nnz);
  const shift = shiftOf(cells, nnz);
  const code = { low, high, shift, count: nnz };
  checkCode(code, Math.floor((cells - nnz) / 2 ** shift), names);
  const pointers = new Uint32Array(n + 1);
  const columns = roomFor(dim, nnz);
  let row = -1;
  let column = dim - 1; // the last cell of the row before the first
  eachBlock(code, (gaps, first) => {
    for (let i = 0; i < gaps.length; i += 1) {
      column += gaps[i] + 1;
      if (column >= dim) {
        const next = row + Math.floor(column / dim);
        if (next >= n) throw new SparserecError(`the ${names.number}s go beyond the last row`);
        if (!emptyRows && next > row + 1) throw emptied(row + 1);
        column -= (next - row) * dim;
        pointers.fill(first + i, row + 1, next + 1);
        row = next;
      }
      columns[first + i] = column;
    }
  });
  if (!emptyRows && row !== n - 1) throw emptied(row + 1);
  pointers.fill(nnz, row + 1);
  return { pointers, columns };
}

/**
 * The same for a table with both ordinary and item columns, each of which have a code of their own: a row may be empty in one
 * of them, and so may all.
 *
 * @param gaps `{ low, high }` of the values in ordinary columns.
 * @param itemGaps `{ low, high }` of those in item columns.
 * @param {number} n rows, and item columns.
 * @param {number} ordinary columns before those of items, at least 1.
 * @param {number} nnz values in all columns.
 */
export function decodeBothGaps(gaps, itemGaps, n, ordinary, nnz) {
  if (!(1 <= n && n <= nnz)) throw unfilled(n, ordinary + n, nnz);
  const inside = oneBits(gaps.high);
  const own = decodeGaps(gaps.low, gaps.high, n, ordinary, inside, NAMES, true);
  const ofItems = decodeGaps(itemGaps.low, itemGaps.high, n, n, nnz - inside, ITEM_NAMES, true);
  return sideBySide(own, ofItems, ordinary, n, nnz);
}

/** The rows of two tables in one, the columns of the second behind those of the first. */
function sideBySide(left, right, ordinary, n, nnz) {
  const pointers = new Uint32Array(n + 1);
  const columns = roomFor(ordinary + n, nnz);
  let place = 0;
  for (let row = 0; row < n; row += 1) {
    for (let i = left.pointers[row]; i < left.pointers[row + 1]; i += 1, place += 1) columns[place] = left.columns[i];
    for (let i = right.pointers[row]; i < right.pointers[row + 1]; i += 1, place += 1) {
      columns[place] = ordinary + right.columns[i];
    }
    if (place === pointers[row]) throw emptied(row);
    pointers[row + 1] = place;
  }
  return { pointers, columns };
}

function emptied(row) {
  return new SparserecError(`row ${row} is empty`);
}

function unfilled(n, dim, nnz) {
  return new SparserecError(`${nnz} values can't fill ${n} rows of ${dim} columns, at least one a row`);
}
