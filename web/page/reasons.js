/** Why: for each recommendation the picks that speak for it more than they do for the others. */

/** The least part of a score that is called a reason, of what each pick would have if all had the same. */
const PART = 0.75;
/** A second pick is named when it says at least so much of what the first says. */
const SECOND = 0.6;

/**
 * One list of ids for each recommendation, the strongest reason first; empty where no pick speaks for it.
 *
 * @param recommended what `recommend` gave with `explain`.
 * @param {string[]} picks ids that may be named.
 */
export function reasons(recommended, picks) {
  const parts = recommended.map(({ because }) => partsOf(because.filter(({ item }) => picks.includes(item))));
  const usual = new Map();
  for (const row of parts) {
    for (const [item, part] of row) usual.set(item, (usual.get(item) ?? 0) + part / parts.length);
  }
  return parts.map((row) => distinctive(row, usual));
}

/** Each pick's part of what speaks for an item; what speaks against it is left out. */
function partsOf(because) {
  const positive = because.filter(({ share }) => share > 0);
  const sum = positive.reduce((total, { share }) => total + share, 0);
  return new Map(positive.map(({ item, share }) => [item, share / sum]));
}

/** The term of the relative entropy that a pick has: large where its part is large and more than usual. */
function distinctive(row, usual) {
  const least = PART / usual.size;
  const ranked = [...row]
    .filter(([, part]) => part >= least)
    .map(([item, part]) => ({ item, part, telling: part * Math.log(part / usual.get(item)) }))
    .sort((a, b) => b.telling - a.telling || b.part - a.part);
  if (ranked.length === 0) return [];
  const [first, second] = ranked;
  const both = second !== undefined && second.telling > 0 && second.telling >= SECOND * first.telling;
  return both ? [first.item, second.item] : [first.item];
}
