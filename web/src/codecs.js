/**
 * The table of what a file is made of. A way to store values is an object and a line in `CODECS`, which has
 *
 * - `name`; `version`, the format version that knows it first; `tensors`, the type of each by its kind;
 * - `dense`: true when dense tables can be stored so;
 * - `check(side)`: refuses tensors that are not those of such values, before anything is decoded. When there is none, all
 *   tensors must be there in one dimension and in their types, and those of the gaps too;
 * - `count(side)`: how many values there are. When there is none, only the gaps tell;
 * - `decode(side, nnz)`: `{ values, scales, unit, halfPrecision, decoded }`. A value is an entry of the typed array `values`,
 *   times the scale of its column (none for ones), times `unit` (none for 1). `halfPrecision` is true for bits of such
 *   numbers, and `decoded` false for a view of the file.
 *
 * `sparserec.artefact.codecs` is the same table in Python.
 */

import { AGE_DECAY } from "./ages.js";
import { CODED, POSITIVE } from "./coded.js";
import { ENCODER } from "./encoder.js";
import { SparserecError } from "./error.js";
import { FACTORS, HISTORY_FACTORS } from "./factors.js";
import { ITEM_STRUCTURE, STRUCTURE } from "./gaps.js";
import { CODED_IDS } from "./idcodes.js";
import { PLAIN_IDS } from "./ids.js";
import { FLOAT16, INT8 } from "./plain.js";

export const CODECS = [INT8, FLOAT16, CODED, POSITIVE];

/** What a side has beside its values. */
const PARTS = [STRUCTURE, ITEM_STRUCTURE, FACTORS, HISTORY_FACTORS, AGE_DECAY, PLAIN_IDS, CODED_IDS];

/** The types that each tensor may have in a file of this version, by its name after that of the side. */
export function tensorTypes(version) {
  const types = new Map();
  for (const part of [...CODECS, ...PARTS]) {
    if (part.version > version) continue;
    for (const [kind, dtype] of Object.entries(part.tensors)) {
      const known = types.get(kind) ?? [];
      if (!known.includes(dtype)) types.set(kind, [...known, dtype]);
    }
  }
  return types;
}

/** The types that a tensor may have in a file of this version, by its side and its name after that; none for a stranger. */
export function typesOf(side, kind, version) {
  if (side === "encoder") {
    return version >= ENCODER.version && Object.hasOwn(ENCODER.tensors, kind) ? [ENCODER.tensors[kind]] : [];
  }
  if (side !== "items" && (side !== "users" || isItemsOnly(kind))) return [];
  return tensorTypes(version).get(kind) ?? [];
}

/** Whether users can't have a tensor, by its name after that of the side. */
export function isItemsOnly(kind) {
  return PARTS.some(({ tensors, itemsOnly }) => itemsOnly === true && kind in tensors);
}

/** The format versions that are read, ascending. */
export function versions() {
  return [...new Set([...CODECS, ...PARTS, ENCODER].map(({ version }) => version))].sort((a, b) => a - b);
}

/**
 * The codec whose tensors a side has: it is told by one of a name or type that no earlier codec of the table has. Later
 * codecs are asked first, so a tensor of theirs tells even where there are those of an earlier one.
 */
export function codecOf({ name, tensors }) {
  for (let number = CODECS.length - 1; number >= 0; number -= 1) {
    const earlier = CODECS.slice(0, number);
    for (const [kind, dtype] of Object.entries(CODECS[number].tensors)) {
      if (tensors[kind]?.dtype !== dtype) continue;
      if (!earlier.some((codec) => codec.tensors[kind] === dtype)) return CODECS[number];
    }
  }
  throw new SparserecError(`tensor '${name}.values' is missing`);
}

/** A tensor of values that is there and belongs to another codec, or undefined. */
export function strangerTo(codec, { tensors }) {
  const kinds = CODECS.flatMap((other) => Object.keys(other.tensors));
  return kinds.find((kind) => kind in tensors && !(kind in codec.tensors));
}
