/**
 * JSON for headers, stricter than `JSON.parse`: a name that occurs twice is told, and so is whether a number was
 * written as a whole one. Depth is bounded, so a hostile text cannot exhaust the stack.
 */

const DEEPEST = 900;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
// Control characters must be escaped; so must quotes and backslashes.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = { true: true, false: false, null: null };

/**
 * @param {string} text one JSON document.
 * @returns `{ value, repeated }`: objects as Map, lists as Array, whole numbers as Number (Infinity when they are too
 * large), other numbers as NaN; `repeated` says whether a name occurs twice in one object. Undefined when it is not JSON.
 */
export function parseStrictly(text) {
  let at = 0;
  let repeated = false;

  /** What a sticky pattern matches here, moving on behind it, or null. */
  function take(pattern) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  }

  function string() {
    const match = take(STRING);
    if (match === null) throw new NotJson();
    return JSON.parse(match[0]);
  }

  /** Skip spaces; the character after them. */
  function next() {
    take(SPACE);
    return text[at];
  }

  function expect(sign) {
    if (next() !== sign) throw new NotJson();
    at += 1;
  }

  /** The members of a list or an object, each read by `member`, up to the sign that closes it. */
  function members(close, member) {
    at += 1;
    if (next() === close) {
      at += 1;
      return;
    }
    for (;;) {
      member();
      if (next() === close) break;
      expect(",");
    }
    at += 1;
  }

  function value(depth) {
    if (depth > DEEPEST) throw new NotJson();
    const sign = next();
    if (sign === "{") {
      const object = new Map();
      members("}", () => {
        next();
        const name = string();
        expect(":");
        repeated ||= object.has(name);
        object.set(name, value(depth + 1));
      });
      return object;
    }
    if (sign === "[") {
      const list = [];
      members("]", () => list.push(value(depth + 1)));
      return list;
    }
    if (sign === '"') return string();
    for (const [word, meaning] of Object.entries(WORDS)) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    const number = take(NUMBER);
    if (number === null) throw new NotJson();
    return number[1] === undefined && number[2] === undefined ? Number(number[0]) : NaN;
  }

  try {
    const document = value(0);
    next();
    return at === text.length ? { value: document, repeated } : undefined;
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

/** Whether a value of `parseStrictly` has more than `levels` objects and lists within one another. */
export function deeperThan(value, levels) {
  if (!(value instanceof Map) && !Array.isArray(value)) return false;
  if (levels === 0) return true;
  for (const part of value.values()) {
    if (deeperThan(part, levels - 1)) return true;
  }
  return false;
}

class NotJson extends Error {}
