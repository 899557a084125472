/** The model card: what a file says about itself. */

import { versions } from "./codecs.js";
import { SparserecError, quoted } from "./error.js";
import { deeperThan, parseStrictly } from "./json.js";

const MAX_NESTING = 32;

const isWhole = (value) => Number.isInteger(value);
const isNumber = (value) => typeof value === "number";
const isText = (value) => typeof value === "string";
const isObject = (value) => value instanceof Map;

const FIELDS = {
  format_version: isWhole,
  scoring: isText,
  dim: isWhole,
  n_items: isWhole,
  n_users: isWhole,
  nnz: isWhole,
  density: isNumber,
  recipe: isObject,
  data_fingerprint: isText,
  metrics: isObject,
  package_version: isText,
  sha256: isText,
};

/** Whether all numbers of plain data are finite: one such as 1e999 is not. */
function isFinitely(value) {
  if (typeof value === "number") return Number.isFinite(value);
  return value === null || typeof value !== "object" || Object.values(value).every(isFinitely);
}

/** Parse and check the card in the metadata of a file; gives its known fields and leaves out others. */
export function cardOf(metadata) {
  const text = metadata.get("sparserec");
  if (text === undefined) throw new SparserecError("not exported by sparserec: it has no model card");
  const parsed = parseStrictly(text);
  if (parsed === undefined) throw new SparserecError("the model card is not JSON");
  if (!isObject(parsed.value)) throw new SparserecError("the model card is not a JSON object");
  if (deeperThan(parsed.value, MAX_NESTING)) {
    throw new SparserecError(`the model card is nested more than ${MAX_NESTING} deep`);
  }
  // The strict parser tells whole numbers from others; the usual one gives the values of both.
  const plain = JSON.parse(text);
  if (!isFinitely(plain)) {
    throw new SparserecError("the model card has a number that is not finite in double precision");
  }
  if (!versions().includes(plain.format_version)) {
    const known = versions().join(", ").replace(/, (\d+)$/, " or $1");
    throw new SparserecError(
      `format version ${quoted(plain.format_version, 40)} is not supported; this module reads version ${known}`,
    );
  }
  const card = {};
  for (const [name, fits] of Object.entries(FIELDS)) {
    if (!fits(parsed.value.get(name))) {
      throw new SparserecError(`the model card's '${name}' is missing or of the wrong type`);
    }
    card[name] = plain[name];
  }
  return Object.freeze(card);
}
