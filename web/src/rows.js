/** The rows of one side, items or users: its tensors checked against each other and decoded. */

import { agesOf } from "./ages.js";
import { codecOf, strangerTo, tensorTypes, typesOf } from "./codecs.js";
import { SparserecError, quoted } from "./error.js";
import { factorsOf, historyFactorsOf } from "./factors.js";
import { decodeBothGaps, decodeGaps } from "./gaps.js";
import { idsOf } from "./ids.js";
import { oneBits } from "./rice.js";
import { GAPS, haveOneDimension, ITEM_GAPS, listed, naming, sideOf, sizesFit } from "./side.js";

/** Refuse tensors that do not belong in an artefact of this version, and those of a wrong type. */
export function checkNames(tensors, version) {
  for (const [name, { dtype }] of tensors) {
    const dot = name.indexOf(".");
    const side = name.slice(0, Math.max(dot, 0));
    const known = typesOf(side, name.slice(dot + 1), version);
    if (known.length === 0) throw new SparserecError(`it holds a tensor that does not belong there: ${quoted(name)}`);
    if (!known.includes(dtype)) {
      throw new SparserecError(`tensor '${name}' is ${dtype}, not ${known.join(" or ")}`);
    }
  }
}

/**
 * @param {string} name "items" or "users".
 * @param tensors of the whole file, whose names are checked.
 * @param card the model card.
 * @param {number} n rows, as the card says.
 * @returns an object with
 * - `n`, `dim`, and `nnz`, the number of values;
 * - `values`: typed array, a view of the file or decoded;
 * - `halfPrecision`: whether `values` are bits of half-precision numbers;
 * - `decoded`: whether `values` are decoded rather than a view of the file;
 * - `scales`: Float64Array (dim), what to multiply values with;
 * - `pointers` and `columns` as of `decodeGaps`, null for a dense table, whose values lie row by row;
 * - `factors`, `historyFactors`: Float32Array (n), null for ones;
 * - `ages`: as of `agesOf`.
 */
export function rowsOf(name, tensors, card, n) {
  const { dim, format_version: version } = card;
  if (!sizesFit(card, n)) {
    throw new SparserecError(`the card's ${dim} columns or ${n} ${name} are out of range`);
  }
  const side = sideOf(name, n, dim, tensors, tensorTypes(version).keys());
  const codec = codecOf(side);
  if (codec.check === undefined) checkTensors(codec, side);
  else codec.check(side);
  const stranger = strangerTo(codec, side);
  if (stranger !== undefined) {
    throw new SparserecError(`'${name}.${stranger}' does not belong to a table of ${codec.name} values`);
  }
  const factors = { factors: factorsOf(side), historyFactors: historyFactorsOf(side), ages: agesOf(side) };
  const nnz = codec.count === undefined ? countOf(side) : codec.count(side);
  return naming(side, () => {
    const ordinary = besideItems(factors.ages);
    checkItemGaps(side, ordinary);
    const structure = side.sparse ? structureOf(side, ordinary, nnz) : { pointers: null, columns: null };
    const { values, scales = null, unit = 1, halfPrecision = false, decoded = true } = codec.decode(side, nnz);
    if (values.length !== nnz) {
      throw new SparserecError(`the ${codec.name} values are ${values.length}, but there are places for ${nnz}`);
    }
    return {
      n,
      dim,
      nnz,
      values,
      halfPrecision,
      decoded,
      scales: scales === null ? new Float64Array(dim).fill(unit) : Float64Array.from(scales, (scale) => scale * unit),
      ...structure,
      ...factors,
    };
  });
}

/** The ids of one side, arguments as for `rowsOf`. */
export function idsOfSide(name, tensors, { dim, format_version: version }, n) {
  return idsOf(sideOf(name, n, dim, tensors, tensorTypes(version).keys()), version);
}

/** What every codec without a check of its own asks for. */
function checkTensors({ name, tensors, dense = false }, side) {
  const needed = [...Object.keys(tensors), ...(dense && !side.sparse ? [] : GAPS)];
  if (!haveOneDimension(side, needed)) {
    throw new SparserecError(`'${side.name}': ${name} values need ${listed(needed)}, each in one dimension`);
  }
  for (const [kind, dtype] of Object.entries(tensors)) {
    if (side.tensors[kind].dtype !== dtype) {
      throw new SparserecError(`'${side.name}.${kind}' of ${name} values must be ${dtype}`);
    }
  }
}

function countOf({ n, dim, sparse, tensors }) {
  if (!sparse) return n * dim;
  return [GAPS, ITEM_GAPS].reduce((sum, [, high]) => sum + (high in tensors ? oneBits(tensors[high].data) : 0), 0);
}

/** How many ordinary columns a table has beside those of items; 0 where it has not both kinds. */
function besideItems(ages) {
  return ages === null || ages.ofColumns === null ? 0 : ages.ordinary;
}

/** Refuse a side that has gaps of item columns without both kinds of columns, or has both without them. */
function checkItemGaps(side, ordinary) {
  const fits = ordinary > 0 ? haveOneDimension(side, ITEM_GAPS) : !ITEM_GAPS.some((kind) => kind in side.tensors);
  if (!fits) {
    throw new SparserecError(
      "'item_gaps_low' and 'item_gaps_high' belong to tables with both ordinary and item columns",
    );
  }
}

function structureOf({ n, dim, tensors }, ordinary, nnz) {
  const [gaps, itemGaps] = [GAPS, ITEM_GAPS].map(([low, high]) => ({
    low: tensors[low]?.data,
    high: tensors[high]?.data,
  }));
  if (ordinary > 0) return decodeBothGaps(gaps, itemGaps, n, ordinary, nnz);
  return decodeGaps(gaps.low, gaps.high, n, dim, nnz);
}
