/** What the age of an item in a history does to it. */

import { SparserecError } from "./error.js";

export const AGE_DECAY = { version: 3, tensors: { age_decay: "F32" }, itemsOnly: true };

/**
 * The numbers of a side in which the order of a history counts, null where it has none.
 *
 * @returns `{ ofRows, ofColumns, ordinary }`: to the power of the age, the first is what a row counts, the second what is
 * added at an item's own column, null where items have none; and the number of columns before those of items.
 */
export function agesOf({ name, n, dim, sparse, tensors: { age_decay: decay } }) {
  if (decay === undefined) return null;
  const { shape, data } = decay;
  if (shape.length !== 1 || !(data.length === 1 || data.length === 2) || !data.every((d) => d > 0 && d <= 1)) {
    throw new SparserecError(`'${name}.age_decay' must be one or two numbers above 0 and up to 1`);
  }
  if (!sparse) throw new SparserecError(`'${name}.age_decay' does not belong to a dense table`);
  if (data.length === 2 && dim < n) {
    throw new SparserecError(
      `'${name}.age_decay' of two numbers needs a column for each of ${n} items, but there are ${dim}`,
    );
  }
  const [ofRows, ofColumns = null] = data;
  return { ofRows, ofColumns, ordinary: ofColumns === null ? dim : dim - n };
}

/** The first `count` powers of a number, from that to 0 on: each is the one before it times the number. */
export function powersOf(number, count) {
  const powers = new Float64Array(count);
  for (let age = 0, power = 1; age < count; age += 1, power *= number) powers[age] = power;
  return powers;
}
