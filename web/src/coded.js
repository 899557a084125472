/** Values as signs and Rice-coded magnitudes, with a step for the whole table. */

import { SparserecError } from "./error.js";
import { bytesOf, eachBlock, storedCode } from "./rice.js";
import { GAPS, haveOneDimension, listed } from "./side.js";

/** The smallest normal number of single precision, and the largest. */
const SMALLEST = 2 ** -126;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

const NEEDED = ["signs", "magnitudes_low", "magnitudes_high", "step", ...GAPS];

export const CODED = {
  name: "coded",
  version: 1,
  tensors: { signs: "U8", magnitudes_low: "U8", magnitudes_high: "U8", step: "F32" },
  check: checkCoded,
  decode: decodeCoded,
};

function checkCoded(side) {
  if ("values" in side.tensors || "scales" in side.tensors || !haveOneDimension(side, NEEDED)) {
    throw new SparserecError(
      `'${side.name}': a table of coded values needs ${listed(NEEDED)}, each in one dimension, ` +
        "and neither 'values' nor 'scales'",
    );
  }
}

/** Whole numbers `sign * (2 * q + 1)` in the narrowest signed type, and half the step as their unit. */
function decodeCoded({ tensors }, nnz) {
  const step = tensors.step.data;
  if (step.length !== 1 || !Number.isFinite(step[0]) || step[0] < SMALLEST) {
    throw new SparserecError("'step' must be one finite number above 0, and not subnormal");
  }
  const signs = tensors.signs.data;
  if (signs.length !== bytesOf(nnz)) {
    throw new SparserecError(`'signs' must have ${bytesOf(nnz)} bytes, one bit for each of ${nnz} values`);
  }
  if (nnz % 8 !== 0 && signs[signs.length - 1] >> nnz % 8 !== 0) {
    throw new SparserecError("'signs' has bits set after the last value");
  }
  const names = { tensors: "magnitudes", number: "magnitude" };
  const { code, largest } = storedCode(tensors.magnitudes_low, tensors.magnitudes_high, nnz, names);
  const most = 2 * largest + 1;
  if (most * (step[0] / 2) > LARGEST) {
    throw new SparserecError("the largest magnitude times 'step' is not a finite number in single precision");
  }
  const values = new (most < 1 << 7 ? Int8Array : most < 1 << 15 ? Int16Array : Int32Array)(nnz);
  eachBlock(code, (magnitudes, first) => {
    for (let i = 0; i < magnitudes.length; i += 1) {
      const negative = (signs[(first + i) >>> 3] >> ((first + i) & 7)) & 1;
      values[first + i] = (2 * magnitudes[i] + 1) * (1 - 2 * negative);
    }
  });
  return { values, unit: step[0] / 2 };
}
