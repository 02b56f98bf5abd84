/** docs/explanation/two-and-a-half-d.md is what its script writes today: it trains, embeds and classifies for real. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

test("the walk-through is written anew, word for word, with its pictures", (t) => {
  const docs = mkdtempSync(join(tmpdir(), "walk-through-docs-"));
  t.after(() => rmSync(docs, { recursive: true }));
  execFileSync(process.execPath, ["scripts/walk-through.mjs", docs], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const name = join("explanation", "two-and-a-half-d.md");
  const page = readFileSync(join(docs, name), "utf8");
  assert.equal(
    page,
    readFileSync(join("docs", name), "utf8"),
    "write it again: node scripts/walk-through.mjs",
  );

  const pictures = join("images", "two-and-a-half-d");
  const shown = [...page.matchAll(/\(\.\.\/images\/two-and-a-half-d\/([a-z]+\.png)\)/g)].map(
    ([, file]) => file,
  );
  assert.deepEqual(readdirSync(join(docs, pictures)).sort(), shown.sort());
  assert.deepEqual(readdirSync(join("docs", pictures)).sort(), shown);
  for (const file of shown) {
    // Width and height: what the weights say may differ in the last bit on another machine.
    const size = (folder) =>
      readFileSync(join(folder, pictures, file))
        .subarray(16, 24)
        .toString("hex");
    assert.equal(size(docs), size("docs"), file);
  }
});
