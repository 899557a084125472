/** Which row and column each value of a sparse table belongs to, from the gaps between them. */

import { SparserecError } from "./error.js";
import { checkCode, eachBlock } from "./rice.js";
import { MOST_COLUMNS } from "./side.js";

const MAX_SHIFT = 30;
const NAMES = { tensors: "gaps", number: "gap" };

export const STRUCTURE = { version: 1, tensors: { gaps_low: "U8", gaps_high: "U8" } };

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

/**
 * @param {Uint8Array} low
 * @param {Uint8Array} high
 * @param {number} n rows.
 * @param {number} dim columns, at least 1.
 * @param {number} nnz values.
 * @returns `{ pointers, columns }`: the values of row i are those from `pointers[i]` to `pointers[i + 1]`, and
 * `columns` has the column of each, in the narrowest of Uint8Array, Uint16Array and Uint32Array.
 */
export function decodeGaps(low, high, n, dim, nnz) {
  const cells = n * dim;
  if (!(1 <= n && n <= nnz && nnz <= cells)) {
    throw new SparserecError(`${nnz} values can't fill ${n} rows of ${dim} columns, at least one a row`);
  }
  const shift = shiftOf(cells, nnz);
  const code = { low, high, shift, count: nnz };
  checkCode(code, Math.floor((cells - nnz) / 2 ** shift), NAMES);
  const pointers = new Uint32Array(n + 1);
  const columns = new (dim <= 256 ? Uint8Array : dim <= MOST_COLUMNS ? Uint16Array : Uint32Array)(nnz);
  let row = -1;
  let column = dim - 1; // the last cell of the row before the first
  eachBlock(code, (gaps, first) => {
    for (let i = 0; i < gaps.length; i += 1) {
      column += gaps[i] + 1;
      if (column >= dim) {
        const steps = Math.floor(column / dim);
        if (row + steps >= n) throw new SparserecError("the gaps go beyond the last row");
        if (steps > 1) throw new SparserecError(`row ${row + 1} is empty`);
        row += 1;
        column -= dim;
        pointers[row] = first + i;
      }
      columns[first + i] = column;
    }
  });
  if (row !== n - 1) throw new SparserecError(`row ${row + 1} is empty`);
  pointers[n] = nnz;
  return { pointers, columns };
}
