/** RLE Lossless (PS3.5 annex G), the compression of which every DICOM toolkit has a decoder. */

const HEADER_BYTES = 64;
/** The longest run, and the longest stretch of bytes as they are. */
const MOST = 128;

/**
 * One frame, compressed: a header with the place of each segment, then a segment for each sample (red, green, blue).
 * @param pixels rows x columns x samples, 8 bits each
 */
export function encodeRleFrame(
  pixels: Uint8Array,
  { rows, columns, samples }: { rows: number; columns: number; samples: number },
): Uint8Array {
  // In the worst case a row grows by a byte for each 128 of it.
  const most = rows * (columns + Math.ceil(columns / MOST)) + 1;
  const frame = new Uint8Array(HEADER_BYTES + samples * most);
  const header = new DataView(frame.buffer);
  header.setUint32(0, samples, true);
  const row = new Uint8Array(columns);
  let at = HEADER_BYTES;
  for (let sample = 0; sample < samples; sample++) {
    header.setUint32(4 * (1 + sample), at, true);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) row[x] = pixels[(y * columns + x) * samples + sample]!;
      at = packBits(row, frame, at);
    }
    at += at % 2; // segments have an even length
  }
  return frame.subarray(0, at);
}

/** Apple's PackBits, which no run crosses the end of a row for. @returns the place after the last byte */
function packBits(row: Uint8Array, out: Uint8Array, at: number): number {
  for (let from = 0; from < row.length;) {
    const run = runAt(row, from);
    if (run > 1) {
      out[at++] = 257 - run;
      out[at++] = row[from]!;
      from += run;
      continue;
    }
    let end = from + 1;
    // A run of two in between costs as much as it saves.
    while (end < row.length && end - from < MOST && runAt(row, end) < 3) end++;
    out[at++] = end - from - 1;
    out.set(row.subarray(from, end), at);
    at += end - from;
    from = end;
  }
  return at;
}

function runAt(row: Uint8Array, from: number): number {
  let end = from + 1;
  while (end < row.length && end - from < MOST && row[end] === row[from]) end++;
  return end - from;
}
