/** Values of one number each: int8 with a scale for each column, or half precision. For sparse tables and dense ones. */

import { SparserecError } from "./error.js";
import { allFinite } from "./half.js";
import { GAPS, haveOneDimension, isVector } from "./side.js";

export const INT8 = {
  name: "int8",
  version: 1,
  tensors: { values: "I8", scales: "F32" },
  dense: true,
  check: checkPlain,
  count: countPlain,
  decode: ({ tensors }) => ({ values: tensors.values.data, decoded: false, scales: tensors.scales.data }),
};

export const FLOAT16 = {
  name: "float16",
  version: 1,
  tensors: { values: "F16" },
  dense: true,
  check: checkPlain,
  count: countPlain,
  decode: ({ tensors }) => ({ values: tensors.values.data, decoded: false, halfPrecision: true }),
};

function checkPlain({ name, dim, tensors: { values, scales } }) {
  if (values === undefined) throw new SparserecError(`tensor '${name}.values' is missing`);
  const halfPrecision = values.dtype === "F16";
  if ((scales === undefined) !== halfPrecision) {
    throw new SparserecError(`'${name}.scales' must be there with int8 values, and only with them`);
  }
  if (scales !== undefined && !(isVector(scales, dim) && scales.data.every((s) => Number.isFinite(s) && s >= 0))) {
    throw new SparserecError(`'${name}.scales' must be ${dim} finite numbers, none below 0`);
  }
  if (halfPrecision && !allFinite(values.data)) {
    throw new SparserecError(`'${name}.values' holds values that are not finite numbers`);
  }
}

/** How many values there are, once their shape is that of a sparse or a dense table. */
function countPlain(side) {
  const { name, n, dim, sparse } = side;
  const { shape, data } = side.tensors.values;
  if (!sparse && (shape.length !== 2 || shape[0] !== n || shape[1] !== dim)) {
    throw new SparserecError(
      `'${name}.values' of a dense table must be of shape ${tuple([n, dim])}, not ${tuple(shape)}`,
    );
  }
  if (sparse && !haveOneDimension(side, ["values", ...GAPS])) {
    throw new SparserecError(
      `'${name}': a sparse table needs values, 'gaps_low' and 'gaps_high', each in one dimension`,
    );
  }
  return data.length;
}

/** A shape as messages show it. */
function tuple(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}
