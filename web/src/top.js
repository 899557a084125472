/** The best of many scores without sorting them all. */

/**
 * Rows of the k largest scores, best first; equal scores by row, the lower row first.
 *
 * @param {Float32Array} scores scores of all rows; -Infinity and NaN are left out.
 * @param {number} k at least 1.
 * @returns {number[]} k rows, or fewer when fewer are left.
 */
export function topRows(scores, k) {
  const room = Math.min(k, scores.length);
  const heap = new Uint32Array(room); // a row is above those that it is worse than
  let size = 0;
  let bound = -Infinity;
  const worse = (a, b) => scores[a] < scores[b] || (scores[a] === scores[b] && a > b);

  const sink = (row, from) => {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && worse(heap[child + 1], heap[child])) child += 1;
      if (!worse(heap[child], row)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = row;
  };
  const rise = (row) => {
    let at = size;
    size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!worse(row, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = row;
  };

  for (let row = 0; row < scores.length; row += 1) {
    // Rows ascend, so one with the score of the worst that was kept is worse than it.
    if (!(scores[row] > bound)) continue;
    if (size < room) rise(row);
    else sink(row, 0);
    if (size === room) bound = scores[heap[0]];
  }
  return Array.from(heap.subarray(0, size)).sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * The k of some rows with the largest numbers, best first; equal ones by a second number, then by row. Numbers that are
 * not numbers come last.
 *
 * @param {number[]} rows ascending.
 * @param {number} k at least 1.
 * @param {Float64Array} numbers of all rows.
 * @param {Float64Array} [seconds] of all rows.
 * @returns {number[]} k rows, or fewer when there are fewer.
 */
export function bestRows(rows, k, numbers, seconds = null) {
  const falling = (of) => (a, b) => {
    const [x, y] = [of[a], of[b]];
    if (x === y) return 0;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return y > x ? 1 : -1;
  };
  const first = falling(numbers);
  const second = seconds === null ? () => 0 : falling(seconds);
  return [...rows].sort((a, b) => first(a, b) || second(a, b) || a - b).slice(0, k);
}
