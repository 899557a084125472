/** Values as the file has them: half precision, signs and magnitudes, factors of histories. */

import { SparserecError } from "./error.js";
import { bytesOf, eachBlock, storedCode } from "./rice.js";

/** The smallest normal number of single precision, and the largest. */
const SMALLEST = 2 ** -126;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** A half-precision number from its 16 bits. */
export function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0 ? Infinity : NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

/** Half-precision numbers as Float32Array, or null when one is not finite. */
export function halves(data) {
  return allFinite(data) ? Float32Array.from(data, half) : null;
}

/** Whether all half-precision numbers are finite. */
export function allFinite(data) {
  for (let i = 0; i < data.length; i += 1) {
    if ((data[i] & 0x7c00) === 0x7c00) return false;
  }
  return true;
}

/**
 * Coded values as whole numbers `sign * (2 * q + 1)` in the narrowest signed type, and half the step.
 *
 * @param found `{ signs, magnitudes_low, magnitudes_high, step }`, tensors.
 * @param {number} nnz values.
 */
export function decodeValues(found, nnz) {
  const step = found.step.data;
  if (step.length !== 1 || !Number.isFinite(step[0]) || step[0] < SMALLEST) {
    throw new SparserecError("'step' must be one finite number above 0, and not subnormal");
  }
  const signs = found.signs.data;
  if (signs.length !== bytesOf(nnz)) {
    throw new SparserecError(`'signs' must have ${bytesOf(nnz)} bytes, one bit for each of ${nnz} values`);
  }
  if (nnz % 8 !== 0 && signs[signs.length - 1] >> nnz % 8 !== 0) {
    throw new SparserecError("'signs' has bits set after the last value");
  }
  const names = { tensors: "magnitudes", number: "magnitude" };
  const { code, largest } = storedCode(found.magnitudes_low, found.magnitudes_high, nnz, names);
  const most = 2 * largest + 1;
  if (most * (step[0] / 2) > LARGEST) {
    throw new SparserecError("the largest magnitude times 'step' is not a finite number in single precision");
  }
  const codes = new (most < 1 << 7 ? Int8Array : most < 1 << 15 ? Int16Array : Int32Array)(nnz);
  eachBlock(code, (magnitudes, first) => {
    for (let i = 0; i < magnitudes.length; i += 1) {
      const negative = (signs[(first + i) >>> 3] >> ((first + i) & 7)) & 1;
      codes[first + i] = (2 * magnitudes[i] + 1) * (1 - 2 * negative);
    }
  });
  return { codes, halfStep: step[0] / 2 };
}

/**
 * History factors as Float32Array, all positive.
 *
 * @param found `{ history_low, history_high, history_scale }`, tensors.
 * @param {number} n items.
 */
export function decodeHistory(found, n) {
  const { shape, data } = found.history_scale;
  if (shape.length !== 1 || data.length !== 2 || !data.every((number) => Number.isFinite(number) && number > 0)) {
    throw new SparserecError("'history_scale' must be two finite numbers above 0");
  }
  const [top, step] = data;
  const names = { tensors: "history", number: "history factor" };
  const { code, largest } = storedCode(found.history_low, found.history_high, n, names);
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
