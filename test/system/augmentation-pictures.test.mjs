/** The pictures of docs/explanation/augmentation.md are what the code makes today. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

const kept = "docs/images/augmentation";

/** Grey values of a PNG as evaluate/report/png.ts writes it: 8 bits, one IDAT, no filter. */
function greyOf(file) {
  const bytes = readFileSync(file);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const start = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(start + 4, start + 4 + bytes.readUInt32BE(start - 4)));
  const grey = Buffer.concat(
    Array.from({ length: height }, (_, y) => rows.subarray(y * (width + 1) + 1, (y + 1) * (width + 1))),
  );
  return { width, height, grey };
}

test("the script draws every picture of the page anew, as it is kept, each below 200 KB", (t) => {
  const out = mkdtempSync(join(tmpdir(), "augmentation-pictures-"));
  t.after(() => rmSync(out, { recursive: true }));
  execFileSync(process.execPath, ["scripts/augmentation-pictures.mjs", out], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const page = readFileSync("docs/explanation/augmentation.md", "utf8");
  const shown = [...page.matchAll(/\(\.\.\/images\/augmentation\/([a-z]+\.png)\)/g)].map(([, name]) => name);
  const names = readdirSync(out).sort();
  assert.deepEqual([...new Set(shown)].sort(), names, "pictures on the page");
  assert.deepEqual(readdirSync(kept).sort(), names, "pictures that are kept");
  for (const name of names) {
    assert.ok(statSync(join(kept, name)).size < 200_000, `${name} is too large`);
    const [now, then] = [greyOf(join(out, name)), greyOf(join(kept, name))];
    assert.deepEqual([now.width, now.height], [then.width, then.height], name);
    const difference =
      now.grey.reduce((sum, value, k) => sum + Math.abs(value - then.grey[k]), 0) / now.grey.length;
    // Another libtorch rounds otherwise; another transform or draw moves the mean by several grey values.
    assert.ok(
      difference < 0.5,
      `${name} differs by ${difference} grey values: node scripts/augmentation-pictures.mjs`,
    );
  }
});
