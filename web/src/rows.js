/** The rows of one side, items or users: its tensors checked against each other and decoded. */

import { SparserecError, quoted } from "./error.js";
import { decodeGaps } from "./gaps.js";
import { oneBits } from "./rice.js";
import { allFinite, decodeHistory, decodeValues, halves } from "./values.js";

/** Names of a side's tensors, after "items." or "users.", and the types each may have. */
const KINDS = new Map([
  ["values", ["I8", "F16"]],
  ["scales", ["F32"]],
  ["signs", ["U8"]],
  ["magnitudes_low", ["U8"]],
  ["magnitudes_high", ["U8"]],
  ["step", ["F32"]],
  ["gaps_low", ["U8"]],
  ["gaps_high", ["U8"]],
  ["factors", ["F16"]],
  ["history_low", ["U8"]],
  ["history_high", ["U8"]],
  ["history_scale", ["F32"]],
  ["ids", ["U8"]],
  ["id_offsets", ["U32"]],
]);
const HISTORY = ["history_low", "history_high", "history_scale"];
const ITEMS_ONLY = ["factors", ...HISTORY];
const CODED = ["signs", "magnitudes_low", "magnitudes_high", "step"];
const LISTED = (kinds) => kinds.map((kind) => `'${kind}'`).join(", ");

/** Refuse tensors that do not belong in an artefact, and those of a wrong type. */
export function checkNames(tensors) {
  for (const [name, { dtype }] of tensors) {
    const dot = name.indexOf(".");
    const side = name.slice(0, Math.max(dot, 0));
    const kind = name.slice(dot + 1);
    const known = KINDS.has(kind) && (side === "items" || (side === "users" && !ITEMS_ONLY.includes(kind)));
    if (!known) throw new SparserecError(`it holds a tensor that does not belong there: ${quoted(name)}`);
    if (!KINDS.get(kind).includes(dtype)) {
      throw new SparserecError(`tensor '${name}' is ${dtype}, not ${KINDS.get(kind).join(" or ")}`);
    }
  }
}

/**
 * @param {string} side "items" or "users".
 * @param tensors of the whole file.
 * @param {number} dim columns, as the card says.
 * @param {number} n rows, as the card says.
 * @returns an object with
 * - `n`, `dim`, and `nnz`, the number of values;
 * - `values`: a view of the file for int8 and half precision (its bits), decoded whole numbers for coded values;
 * - `halfPrecision`: whether `values` are bits of half-precision numbers;
 * - `decoded`: whether `values` are decoded rather than a view of the file;
 * - `scales`: Float64Array (dim), what to multiply values with;
 * - `pointers` and `columns` as of `decodeGaps`, null for a dense table, whose values lie row by row;
 * - `factors`, `historyFactors`: Float32Array (n), null for ones.
 */
export function rowsOf(side, tensors, dim, n) {
  if (!(1 <= dim && dim <= 65_536 && n >= 1)) {
    throw new SparserecError(`the card's ${dim} columns or ${n} ${side} are out of range`);
  }
  const found = {};
  for (const kind of KINDS.keys()) {
    if (tensors.has(`${side}.${kind}`)) found[kind] = tensors.get(`${side}.${kind}`);
  }
  return CODED.some((kind) => kind in found) ? codedRows(side, found, dim, n) : plainRows(side, found, dim, n);
}

function plainRows(side, found, dim, n) {
  const { values, scales, gaps_low: low, gaps_high: high } = found;
  if (values === undefined) throw new SparserecError(`tensor '${side}.values' is missing`);
  const halfPrecision = values.dtype === "F16";
  if ((scales === undefined) !== halfPrecision) {
    throw new SparserecError(`'${side}.scales' must be there with int8 values, and only with them`);
  }
  if (scales !== undefined && !(isVector(scales, dim) && scales.data.every((s) => Number.isFinite(s) && s >= 0))) {
    throw new SparserecError(`'${side}.scales' must be ${dim} finite numbers, none below 0`);
  }
  if (halfPrecision && !allFinite(values.data)) {
    throw new SparserecError(`'${side}.values' holds values that are not finite numbers`);
  }
  const factors = factorsOf(side, found, n);
  const rows = (structure) => ({
    n,
    dim,
    nnz: values.data.length,
    values: values.data,
    halfPrecision,
    decoded: false,
    scales: scales === undefined ? new Float64Array(dim).fill(1) : Float64Array.from(scales.data),
    ...structure,
    ...factors,
  });
  if (low === undefined && high === undefined) {
    const { shape } = values;
    if (shape.length !== 2 || shape[0] !== n || shape[1] !== dim) {
      throw new SparserecError(
        `'${side}.values' of a dense table must be of shape ${tuple([n, dim])}, not ${tuple(shape)}`,
      );
    }
    return rows({ pointers: null, columns: null });
  }
  if (low === undefined || high === undefined || [values, low, high].some(({ shape }) => shape.length !== 1)) {
    throw new SparserecError(
      `'${side}': a sparse table needs values, 'gaps_low' and 'gaps_high', each in one dimension`,
    );
  }
  return rows(naming(side, () => decodeGaps(low.data, high.data, n, dim, values.data.length)));
}

/** A side whose values are coded; how many they are, only the gaps tell. */
function codedRows(side, found, dim, n) {
  const needed = [...CODED, "gaps_low", "gaps_high"];
  if ("values" in found || "scales" in found || !needed.every((kind) => found[kind]?.shape.length === 1)) {
    throw new SparserecError(
      `'${side}': a table of coded values needs ${LISTED(needed)}, each in one dimension, ` +
        "and neither 'values' nor 'scales'",
    );
  }
  const factors = factorsOf(side, found, n);
  return naming(side, () => {
    const nnz = oneBits(found.gaps_high.data);
    const structure = decodeGaps(found.gaps_low.data, found.gaps_high.data, n, dim, nnz);
    const { codes, halfStep } = decodeValues(found, nnz);
    const scales = new Float64Array(dim).fill(halfStep);
    return { n, dim, nnz, values: codes, halfPrecision: false, decoded: true, scales, ...structure, ...factors };
  });
}

function factorsOf(side, found, n) {
  const factors = found.factors === undefined || !isVector(found.factors, n) ? null : halves(found.factors.data);
  if (found.factors !== undefined && factors === null) {
    throw new SparserecError(`'${side}.factors' must be ${n} finite numbers, one a row`);
  }
  if (!HISTORY.some((kind) => kind in found)) return { factors, historyFactors: null };
  if (!HISTORY.every((kind) => kind in found)) {
    throw new SparserecError(`'${side}': ${LISTED(HISTORY)} belong together`);
  }
  return { factors, historyFactors: naming(side, () => decodeHistory(found, n)) };
}

function isVector({ shape }, length) {
  return shape.length === 1 && shape[0] === length;
}

/** Put the side before the message of an error. */
function naming(side, action) {
  try {
    return action();
  } catch (error) {
    if (error instanceof SparserecError) throw new SparserecError(`'${side}': ${error.message}`);
    throw error;
  }
}

/** A shape as messages show it. */
function tuple(shape) {
  return `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}
