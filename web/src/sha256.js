/**
 * SHA-256 (FIPS 180-4), fed piece by piece.
 *
 * The browser's own digest takes one contiguous buffer, so tensors would have to be copied together with the texts
 * between them, and it is missing on pages that were not loaded securely. This one needs neither.
 */

/** The first 32 bits of the fractional parts of roots of the first primes, which are the constants of the standard. */
function rootsOfPrimes(count, root) {
  const words = [];
  for (let n = 2; words.length < count; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) prime &&= n % d !== 0;
    if (prime) words.push(((root(n) % 1) * 2 ** 32) | 0);
  }
  return Int32Array.from(words);
}

const START = rootsOfPrimes(8, Math.sqrt);
const ROUNDS = rootsOfPrimes(64, Math.cbrt);
const BLOCK = 64;

export class Sha256 {
  #state = START.slice();
  #words = new Int32Array(64);
  #rest = new Uint8Array(BLOCK);
  #held = 0;
  #length = 0;

  /** Go on with these bytes. */
  update(bytes) {
    this.#length += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(BLOCK - this.#held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < BLOCK) return;
      this.#mix(this.#rest, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#mix(bytes, at);
    this.#rest.set(bytes.subarray(at));
    this.#held = bytes.length - at;
  }

  /** The digest in lower-case hexadecimal. Nothing can be added after it. */
  hex() {
    const bits = this.#length * 8;
    const tail = new Uint8Array(this.#held < 56 ? BLOCK - this.#held : 2 * BLOCK - this.#held);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.update(tail);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(bytes, at) {
    const w = this.#words;
    for (let t = 0; t < 16; t += 1) {
      const i = at + 4 * t;
      w[t] = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
    }
    for (let t = 16; t < 64; t += 1) {
      const x = w[t - 15];
      const y = w[t - 2];
      const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const large = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = (w[t - 16] + small + w[t - 7] + large) | 0;
    }
    const s = this.#state;
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let t = 0; t < 64; t += 1) {
      const large = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const first = (h + large + ((e & f) ^ (~e & g)) + ROUNDS[t] + w[t]) | 0;
      const small = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const second = (small + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
    s[5] += f;
    s[6] += g;
    s[7] += h;
  }
}

/**
 * The digest of docs/artefact-format.md over tensors by name: for each in ascending order of names the name, its type
 * and its sizes, a zero byte after each, then its bytes.
 */
export function digestOf(tensors) {
  const hash = new Sha256();
  const text = new TextEncoder();
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, bytes } = tensors.get(name);
    hash.update(text.encode(`${name}\0${dtype}\0${shape.join(",")}\0`));
    hash.update(bytes);
  }
  return hash.hex();
}
