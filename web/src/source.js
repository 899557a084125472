/** Where a file comes from: all its bytes in one buffer. */

import { SparserecError } from "./error.js";

/**
 * @param source a URL (text or URL), a File or Blob, a Response, an ArrayBuffer, or a view of one.
 * @param {AbortSignal} [signal] ends a request that is under way.
 * @returns `{ name, bytes }`: what messages call it, and its bytes, which are not copied when they are there already.
 */
export async function bytesOfSource(source, signal) {
  if (source instanceof ArrayBuffer) return { name: "the buffer", bytes: new Uint8Array(source) };
  if (ArrayBuffer.isView(source)) {
    return { name: "the buffer", bytes: new Uint8Array(source.buffer, source.byteOffset, source.byteLength) };
  }
  if (source instanceof Blob) {
    const name = source.name ?? "the blob";
    return { name, bytes: await buffered(name, source) };
  }
  if (source instanceof Response) return fromResponse(source);
  if (typeof source === "string" || source instanceof URL) {
    let response;
    try {
      response = await fetch(source, { signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new SparserecError(`${source}: cannot be fetched (${error.message})`);
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
    if (error.name === "AbortError") throw error;
    throw new SparserecError(`${name}: cannot be read (${error.message})`);
  }
}
