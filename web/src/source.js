/** Where a file comes from: all its bytes in one buffer. */

import { SparserecError, quoted } from "./error.js";

/**
 * Things are known by what they can do and not by their class, since each window and worker has classes of its own.
 *
 * @param source a URL (text or URL), a File or Blob, a Response, an ArrayBuffer, a SharedArrayBuffer, or a view of one.
 * @param {AbortSignal} [signal] ends a request that is under way.
 * @returns `{ name, bytes }`: what messages call it, and its bytes, which are not copied when they are there already,
 * unless they are shared: others could change them after they were checked.
 */
export async function bytesOfSource(source, signal) {
  const kind = kindOf(source);
  if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer" || ArrayBuffer.isView(source)) {
    return { name: "the buffer", bytes: unshared(viewOf(source)) };
  }
  if (kind === "Response") return fromResponse(source);
  if (kind === "Request") {
    throw new SparserecError(`a Request is not sent; give its URL, ${quoted(source.url, 200)}, to open`);
  }
  if (typeof source?.arrayBuffer === "function") {
    const name = source.name ?? "the blob";
    return { name, bytes: await buffered(name, source) };
  }
  if (typeof source === "string" || kind === "URL") {
    let response;
    try {
      response = await fetch(source, { signal });
    } catch (error) {
      if (error?.name === "AbortError") throw error;
      throw new SparserecError(`${source}: cannot be fetched (${error?.message ?? error})`);
    }
    return fromResponse(response, String(source));
  }
  throw new SparserecError("give a URL, a File, a Blob, a Response or an ArrayBuffer to open");
}

async function fromResponse(response, url = response.url || "the response") {
  if (!response.ok) throw new SparserecError(`${url}: the server answered ${response.status}`);
  return { name: url, bytes: await buffered(url, response) };
}

async function buffered(name, body) {
  try {
    return new Uint8Array(await body.arrayBuffer());
  } catch (error) {
    if (error?.name === "AbortError") throw error;
    throw new SparserecError(`${name}: cannot be read (${error?.message ?? error})`);
  }
}

/** The bytes of a buffer or of a view of one. */
function viewOf(source) {
  try {
    return ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);
  } catch {
    throw new SparserecError(
      "the buffer: its bytes are no longer here, as after a transfer to another window or worker",
    );
  }
}

/** What a thing says it is, whatever window or worker it comes from. */
function kindOf(thing) {
  return Object.prototype.toString.call(thing).slice(8, -1);
}

/** Bytes that nobody else can change: a copy where they are shared with other threads. */
function unshared(bytes) {
  return kindOf(bytes.buffer) === "SharedArrayBuffer" ? bytes.slice() : bytes;
}
