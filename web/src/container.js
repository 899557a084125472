/** The safetensors container: every claim of its header is checked before a view is made. */

import { SparserecError, quoted } from "./error.js";
import { parseStrictly } from "./json.js";

/** Bytes of the largest header that is parsed; one of format 1 has 4096 at most. */
const MAX_HEADER = 1 << 20;

/** Types of format 1. Half precision comes as its bits, which JavaScript has no type for everywhere. */
const TYPES = new Map([
  ["U8", Uint8Array],
  ["I8", Int8Array],
  ["U32", Uint32Array],
  ["F16", Uint16Array],
  ["F32", Float32Array],
]);

/**
 * @param {Uint8Array} file all bytes of the file.
 * @returns `{ tensors, metadata, headerBytes }`: tensors by name, each `{ dtype, shape, bytes, data }` with `bytes` and
 * `data` views into the file; the metadata as a Map of texts; the bytes before the first tensor.
 */
export function openContainer(file) {
  if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) {
    throw new SparserecError("this machine is big-endian, which the browser runtime does not support");
  }
  if (file.length < 8) {
    throw new SparserecError(`${file.length === 0 ? "empty" : "too short"}: not an exported file, or cut off`);
  }
  const length = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER) || 8n + length > BigInt(file.length)) {
    throw new SparserecError(
      "not an exported file, or cut off: its header is longer than the file or than allowed",
    );
  }
  const headerBytes = 8 + Number(length);
  const header = parsedHeader(file.subarray(8, headerBytes));
  const metadata = header.get("__metadata__") ?? new Map();
  header.delete("__metadata__");
  if (!(metadata instanceof Map) || ![...metadata.values()].every((text) => typeof text === "string")) {
    throw new SparserecError("the metadata of the header is not a set of texts");
  }
  const body = file.subarray(headerBytes);
  return { tensors: views(header, body), metadata, headerBytes };
}

function parsedHeader(bytes) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SparserecError("not an exported file: its header is not JSON");
  }
  const parsed = parseStrictly(text);
  if (parsed === undefined) throw new SparserecError("not an exported file: its header is not JSON");
  if (parsed.repeated) throw new SparserecError("a name occurs twice in the header");
  if (!(parsed.value instanceof Map)) {
    throw new SparserecError("not an exported file: its header is not a JSON object");
  }
  return parsed.value;
}

/** A view for each tensor; together they cover the body without gaps and overlaps. */
function views(header, body) {
  const spans = [...header].map(([name, entry]) => span(name, entry, body.length));
  spans.sort((a, b) => a.first - b.first || a.last - b.last);
  const tensors = new Map();
  let end = 0;
  for (const { name, first, last, dtype, shape } of spans) {
    if (first !== end) throw new SparserecError(`tensor ${quoted(name)} overlaps another or leaves a gap`);
    end = last;
    const bytes = body.subarray(first, last);
    tensors.set(name, { dtype, shape, bytes, data: typed(TYPES.get(dtype), bytes) });
  }
  if (end !== body.length) {
    throw new SparserecError("the file is cut off, or holds bytes that belong to no tensor");
  }
  return tensors;
}

/** A view of bytes as numbers. Only where the file does not align them for the type are they copied. */
function typed(Type, bytes) {
  const size = Type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new Type(aligned.buffer, aligned.byteOffset, aligned.length / size);
}

/** Check one entry of the header against the bytes there are. */
function span(name, entry, available) {
  const fields = ["dtype", "shape", "data_offsets"];
  if (!(entry instanceof Map) || entry.size !== fields.length || !fields.every((field) => entry.has(field))) {
    throw new SparserecError(`the header's entry ${quoted(name)} is not a type, a shape and offsets`);
  }
  const [dtype, shape, offsets] = fields.map((field) => entry.get(field));
  if (typeof dtype !== "string" || !TYPES.has(dtype)) {
    const kind = typeof dtype === "string" ? quoted(dtype, 20) : typeof dtype;
    throw new SparserecError(`tensor ${quoted(name)} is of a type that is not allowed: ${kind}`);
  }
  if (!naturals(shape) || shape.length > 2 || !naturals(offsets) || offsets.length !== 2) {
    throw new SparserecError(`tensor ${quoted(name)} has a shape or offsets that are not natural numbers`);
  }
  const [first, last] = offsets;
  if (!(first <= last && last <= available)) {
    throw new SparserecError(`tensor ${quoted(name)} lies outside the file, which may be cut off`);
  }
  // Exact below 2^53; a product that is not exact is far above the size of any file.
  const bytes = shape.reduce((product, size) => product * size, TYPES.get(dtype).BYTES_PER_ELEMENT);
  if (bytes !== last - first) {
    throw new SparserecError(`tensor ${quoted(name)} does not have the bytes that its shape says`);
  }
  return { name, first, last, dtype, shape };
}

function naturals(value) {
  return Array.isArray(value) && value.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 48);
}
