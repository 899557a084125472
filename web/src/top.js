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
