/** Half-precision numbers, which come as their bits. */

/** A half-precision number from its 16 bits. */
export function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0 ? Infinity : NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

/** Half-precision numbers as Float32Array, or null when one is not finite. */
export function halves(data) {
  return allFinite(data) ? Float32Array.from(data, half) : null;
}

/** Whether all half-precision numbers are finite. */
export function allFinite(data) {
  for (let i = 0; i < data.length; i += 1) {
    if ((data[i] & 0x7c00) === 0x7c00) return false;
  }
  return true;
}
