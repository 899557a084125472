/** Words that were meant: how far a word is from another one, or from its beginning. */

/** What a mistake costs: letters that changed places are the likeliest of them, and even in short words a typo. */
const SWAP = 1;
const EDIT = 2;
/** Letters of a word up to which mistakes of so much are forgiven; fewer letters would leave too little of the word. */
const FORGIVEN = [
  [2, 0],
  [3, SWAP],
  [7, EDIT],
  [32, 2 * EDIT],
];
/** What it costs that a word is longer than what was typed. */
const UNFINISHED = 0.5;

/** What mistakes in a word may cost; nothing in very long ones, which would take long to compare. */
export function forgiven(word) {
  return FORGIVEN.find(([letters]) => word.length <= letters)?.[1] ?? 0;
}

/**
 * The cost of taking one word for another: letters missing, too many or wrong, or two that changed places (optimal
 * string alignment). The typed word may end before the other does.
 *
 * @param {string} typed
 * @param {string} word
 * @param {number} most what mistakes may cost; where they cost more, Infinity comes back.
 */
export function mistakes(typed, word, most) {
  if (EDIT * (typed.length - word.length) > most) return Infinity;
  const width = Math.min(word.length, typed.length + most);
  let before = null;
  let above = Array.from({ length: width + 1 }, (_, j) => EDIT * j);
  for (let i = 1; i <= typed.length; i += 1) {
    const row = [EDIT * i];
    for (let j = 1; j <= width; j += 1) {
      const wrong = typed[i - 1] === word[j - 1] ? 0 : EDIT;
      row[j] = Math.min(above[j] + EDIT, row[j - 1] + EDIT, above[j - 1] + wrong);
      const swapped = i > 1 && j > 1 && typed[i - 1] === word[j - 2] && typed[i - 2] === word[j - 1];
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + SWAP);
    }
    // The next row may come of the one above this, by a swap.
    if (Math.min(...row) > most && Math.min(...above) + SWAP > most) return Infinity;
    [before, above] = [above, row];
  }
  const costs = above.map((cost, j) => (cost > most ? Infinity : j < word.length ? cost + UNFINISHED : cost));
  return Math.min(...costs);
}
