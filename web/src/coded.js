/** Values as Rice-coded magnitudes with a step for the whole table: with signs, or without above a least magnitude. */

import { SparserecError } from "./error.js";
import { bytesOf, eachBlock, MOST, storedCode } from "./rice.js";
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

/** The same without signs, for tables none of whose values is negative. */
export const POSITIVE = {
  name: "positive",
  version: 3,
  tensors: { excess_low: "U8", excess_high: "U8", least: "U32", step: "F32" },
  decode: decodePositive,
};

/** Whole numbers `sign * (2 * q + 1)` in the narrowest signed type, and half the step as their unit. */
function decodeCoded({ tensors }, nnz) {
  const half = halfStep(tensors);
  const signs = tensors.signs.data;
  if (signs.length !== bytesOf(nnz)) {
    throw new SparserecError(`'signs' must have ${bytesOf(nnz)} bytes, one bit for each of ${nnz} values`);
  }
  if (nnz % 8 !== 0 && signs[signs.length - 1] >> nnz % 8 !== 0) {
    throw new SparserecError("'signs' has bits set after the last value");
  }
  const names = { tensors: "magnitudes", number: "magnitude" };
  const { code, largest } = storedCode(tensors.magnitudes_low, tensors.magnitudes_high, nnz, names);
  const values = new (narrowest(largest, half))(nnz);
  eachBlock(code, (magnitudes, first) => {
    for (let i = 0; i < magnitudes.length; i += 1) {
      const negative = (signs[(first + i) >>> 3] >> ((first + i) & 7)) & 1;
      values[first + i] = (2 * magnitudes[i] + 1) * (1 - 2 * negative);
    }
  });
  return { values, unit: half };
}

/** Whole numbers `2 * q + 1`, and half the step as their unit. */
function decodePositive({ tensors }, nnz) {
  const half = halfStep(tensors);
  const [least] = tensors.least.data;
  if (tensors.least.data.length !== 1 || least > MOST) {
    throw new SparserecError(`'least' must be one whole number of ${MOST} at most`);
  }
  const names = { tensors: "excess", number: "magnitude above the least" };
  const { code, largest } = storedCode(tensors.excess_low, tensors.excess_high, nnz, names);
  if (least + largest > MOST) {
    throw new SparserecError(`'least' and the largest number above it are ${least + largest}, above ${MOST}`);
  }
  const values = new (narrowest(least + largest, half))(nnz);
  eachBlock(code, (excess, first) => {
    for (let i = 0; i < excess.length; i += 1) values[first + i] = 2 * (least + excess[i]) + 1;
  });
  return { values, unit: half };
}

function halfStep({ step: { data } }) {
  if (data.length !== 1 || !Number.isFinite(data[0]) || data[0] < SMALLEST) {
    throw new SparserecError("'step' must be one finite number above 0, and not subnormal");
  }
  return data[0] / 2;
}

/** The type of arrays of numbers `2 * q + 1`, of either sign, where the largest magnitude `q` is this. */
function narrowest(largest, half) {
  const most = 2 * largest + 1;
  if (most * half > LARGEST) {
    throw new SparserecError("the largest magnitude times 'step' is not a finite number in single precision");
  }
  return most < 1 << 7 ? Int8Array : most < 1 << 15 ? Int16Array : Int32Array;
}
