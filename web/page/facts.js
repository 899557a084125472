/** What the page says about its model: how small it is, and how fast. */

import { bytesText, byId, element } from "./dom.js";

/** A dense table as recommenders usually have: numbers of 32 bits, so many for an item. */
const COLUMNS = 64;
const NUMBER = 4;

/**
 * Bytes of a dense table for the same items, without their ids.
 *
 * @returns `{ bytes, columns }`; null where the model itself is one, or where it is no larger.
 */
export function denseTable({ card, nItems, fileBytes }) {
  const columns = Math.min(COLUMNS, card.dim);
  const bytes = nItems * columns * NUMBER;
  return card.density === 1 || bytes <= fileBytes ? null : { bytes, columns };
}

/** The size of the model beside that of a dense table, in words and as two bars. */
export function showSize(model, noun) {
  const dense = denseTable(model);
  byId("headline").textContent = `${model.nItems.toLocaleString("en")} ${noun} in ${bytesText(model.fileBytes)}`;
  byId("comparison").hidden = byId("bars").hidden = dense === null;
  if (dense !== null) {
    const times = dense.bytes / model.fileBytes;
    const factor = times < 10 ? times.toFixed(1).replace(".0", "") : Math.round(times).toLocaleString("en");
    byId("comparison").replaceChildren(
      `A dense table of ${dense.columns} numbers for each takes `,
      element("span", {}, bytesText(dense.bytes)),
      `: ${factor} times as much.`,
    );
    byId("share").style.inlineSize = `${100 / times}%`;
  }
  byId("size").hidden = false;
}

/** Names and values of the facts at the foot of the page. */
export function showFacts(model, noun, opened, times) {
  const facts = {
    "Size of the model": bytesText(model.fileBytes),
    Catalogue: `${model.nItems.toLocaleString("en")} ${noun}`,
    "Opened and checked in": `${opened.toFixed(0)} ms`,
  };
  if (times.length > 0) {
    const sorted = times.toSorted((a, b) => a - b);
    facts["Recommended in"] = `${times.at(-1).toFixed(1)} ms`;
    facts[`Median of ${sorted.length}`] = `${sorted[sorted.length >> 1].toFixed(1)} ms`;
  }
  byId("facts").replaceChildren(
    ...Object.entries(facts).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}
