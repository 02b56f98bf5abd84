/**
 * 64-bit integers (in host byte order) as Int32Array where all fit, else as Float64Array where all are exact.
 * @returns null where a value is beyond ±2^53 and therefore not exact
 */
export function narrow64(source: BigInt64Array | BigUint64Array): Int32Array | Float64Array | null {
  const values = new Float64Array(source.length);
  let fits32 = true;
  for (let i = 0; i < source.length; i++) {
    const value = Number(source[i]);
    if (!Number.isSafeInteger(value)) return null;
    if (value !== (value | 0)) fits32 = false;
    values[i] = value;
  }
  return fits32 ? Int32Array.from(values) : values;
}
