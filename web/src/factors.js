/** Factors of scores, and factors of the rows in a history. */

import { SparserecError } from "./error.js";
import { halves } from "./half.js";
import { eachBlock, storedCode } from "./rice.js";
import { isVector, listed, naming } from "./side.js";

/** The smallest normal number of single precision. */
const SMALLEST = 2 ** -126;

export const FACTORS = { version: 1, tensors: { factors: "F16" }, itemsOnly: true };

export const HISTORY_FACTORS = {
  version: 1,
  tensors: { history_low: "U8", history_high: "U8", history_scale: "F32" },
  itemsOnly: true,
};

/** Factors of a side as Float32Array (n), null for ones. */
export function factorsOf({ name, n, tensors: { factors } }) {
  if (factors === undefined) return null;
  const numbers = isVector(factors, n) ? halves(factors.data) : null;
  if (numbers === null) throw new SparserecError(`'${name}.factors' must be ${n} finite numbers, one a row`);
  return numbers;
}

/** History factors of a side as Float32Array (n), all positive; null for ones. */
export function historyFactorsOf(side) {
  const kinds = Object.keys(HISTORY_FACTORS.tensors);
  if (!kinds.some((kind) => kind in side.tensors)) return null;
  if (!kinds.every((kind) => kind in side.tensors)) {
    throw new SparserecError(`'${side.name}': ${listed(kinds)} belong together`);
  }
  return naming(side, () => decodeHistory(side.tensors, side.n));
}

function decodeHistory(tensors, n) {
  const { shape, data } = tensors.history_scale;
  if (shape.length !== 1 || data.length !== 2 || !data.every((number) => Number.isFinite(number) && number > 0)) {
    throw new SparserecError("'history_scale' must be two finite numbers above 0");
  }
  const [top, step] = data;
  const names = { tensors: "history", number: "history factor" };
  const { code, largest } = storedCode(tensors.history_low, tensors.history_high, n, names);
  const smallest = top * Math.exp(-step * largest);
  if (smallest < SMALLEST) {
    throw new SparserecError(
      `a history factor of ${Number(smallest.toPrecision(3))} is below the smallest normal number, 2^-126`,
    );
  }
  const factors = new Float32Array(n);
  eachBlock(code, (codes, first) => {
    for (let i = 0; i < codes.length; i += 1) factors[first + i] = top * Math.exp(-step * codes[i]);
  });
  return factors;
}
