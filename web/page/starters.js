/** What to begin with: items that many people took and that differ from each other. */

/** So many of the most popular ones are looked at. */
const POOL = 60;

/**
 * Places of all items among each other: 0 for the most popular.
 *
 * @returns `{ order, places }`: ids, the most popular first; and the place of each row.
 */
export function popularity(model) {
  const ids = model.itemIds;
  const order = model.popular({ k: ids.length }).map(({ item }) => item);
  const place = new Map(order.map((id, at) => [id, at]));
  return { order, places: Uint32Array.from(ids, (id) => place.get(id) ?? order.length) };
}

/**
 * The most popular items in an order in which each is unlike those before it.
 *
 * @param model an open model.
 * @param {string[]} order ids, the most popular first.
 */
export function starters(model, order) {
  const pool = order.slice(0, POOL);
  const scores = pool.map((id) => model.score(pool, { history: [id] }));
  const alike = pool.every((_, place) => scores[place][place] > 0) ? cosines(scores) : shares(scores);
  const worth = pool.map((_, place) => 1 - place / (2 * pool.length));
  const left = new Set(pool.keys());
  const nearest = new Float64Array(pool.length);
  const chosen = [];
  while (left.size > 0) {
    const value = (place) => (1 - nearest[place]) * worth[place];
    const next = [...left].reduce((best, place) => (value(place) > value(best) ? place : best));
    left.delete(next);
    for (const place of left) nearest[place] = Math.max(nearest[place], alike(next, place));
    chosen.push(pool[next]);
  }
  return chosen;
}

/** Factors for popularity and for histories cancel out, so this is the cosine of two rows. */
function cosines(scores) {
  return (a, b) => {
    const squared = (scores[a][b] * scores[b][a]) / (scores[a][a] * scores[b][b]);
    return Number.isFinite(squared) && scores[a][b] > 0 ? Math.sqrt(Math.max(squared, 0)) : 0;
  };
}

/**
 * Where items lead to others, and not to themselves: what one adds to the score of the other, as a part of the most that it
 * adds to any; the larger of both ways.
 */
function shares(scores) {
  const most = scores.map((row) => Math.max(...row));
  const share = (a, b) => (most[a] > 0 ? Math.max(scores[a][b], 0) / most[a] : 0);
  return (a, b) => Math.max(share(a, b), share(b, a));
}
