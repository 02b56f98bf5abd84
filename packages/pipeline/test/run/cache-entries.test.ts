/** The cache of computed features: listed, kept within its size by age of use, pruned on request. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  cacheCap,
  cacheText,
  keepCacheSize,
  listCache,
  parseBytes,
  pruneCache,
  touchEntry,
} from "../../src/run/cache-entries.js";

/** A cache with entries of 100 bytes, `days` old each, and one download. */
function cacheOf(t: TestContext, days: readonly number[], size?: string) {
  const root = mkdtempSync(join(tmpdir(), "slicestack-cache-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, "slicestack");
  const file = (part: string, name: string, age: number) => {
    mkdirSync(join(folder, part), { recursive: true });
    const path = join(folder, part, name);
    writeFileSync(path, new Uint8Array(100));
    const then = new Date(Date.now() - age * 86_400_000);
    utimesSync(path, then, then);
    return path;
  };
  const entries = days.map((age, k) => file("embeddings", `${k}.safetensors`, age));
  const download = file("weights", "resnet18.pth", 500);
  const place = { env: { XDG_CACHE_HOME: root, SLICESTACK_CACHE_SIZE: size }, home: "/nowhere" };
  return { folder, entries, download, place, left: () => readdirSync(join(folder, "embeddings")).sort() };
}

test("the cap: 20 GB, or the value of SLICESTACK_CACHE_SIZE; an invalid size is refused with the name", () => {
  assert.equal(cacheCap({ env: {} }), 20e9);
  assert.equal(cacheCap({ env: { SLICESTACK_CACHE_SIZE: "1.5 GiB" } }), 1.5 * 2 ** 30);
  assert.deepEqual(
    ["0", "500MB", "2tb", "12"].map((text) => parseBytes(text)),
    [0, 5e8, 2e12, 12],
  );
  assert.throws(
    () => cacheCap({ env: { SLICESTACK_CACHE_SIZE: "plenty" } }),
    /SLICESTACK_CACHE_SIZE: expected a size such as 20GB.*'plenty'/,
  );
});

test("the list has every entry with its size, the total and the cap; an empty cache is reported as empty", (t) => {
  const { place } = cacheOf(t, [3, 1], "1kB");
  const found = listCache(place);
  assert.deepEqual(
    found.entries.map(({ part, bytes }) => [part, bytes]),
    [
      ["weights", 100],
      ["embeddings", 100],
      ["embeddings", 100],
    ],
  );
  assert.match(
    cacheText(found),
    /slicestack, 300 B\nembeddings {2}2 files, 200 B, at most 1\.0 kB: features.*\n {2}1\.safetensors/,
  );
  assert.match(cacheText(listCache({ env: { XDG_CACHE_HOME: "/nowhere/at/all" } })), /slicestack, empty$/);
});

test("beyond the size limit, the entry that was unused for longest is removed; reading an entry renews it; downloads are kept", (t) => {
  const { place, entries, left, download } = cacheOf(t, [9, 8, 7, 6], "250");
  touchEntry(entries[0]!); // 9 days old, and just read
  assert.deepEqual(
    pruneCache(place).map(({ path }) => path),
    [entries[1], entries[2]],
  );
  assert.deepEqual(left(), ["0.safetensors", "3.safetensors"]);
  assert.ok(existsSync(download));
});

test("a new entry is never removed, even if it alone exceeds the cap", (t) => {
  const { place, entries, left } = cacheOf(t, [2, 1, 5], "50");
  keepCacheSize(entries[2]!, place);
  assert.deepEqual(left(), ["2.safetensors"]);
});

test("an invalid cap does not end training, and a file that another process is writing is kept", (t) => {
  const { place, entries, left, folder } = cacheOf(t, [2, 1], "plenty");
  keepCacheSize(entries[1]!, place);
  assert.equal(left().length, 2);
  const underWay = join(folder, "embeddings", ".9.safetensors.0123456789ab.tmp");
  writeFileSync(underWay, "x");
  pruneCache({ ...place, env: { ...place.env, SLICESTACK_CACHE_SIZE: "" }, all: true });
  assert.deepEqual(left(), [basename(underWay)]);
});

test("by age, by size, or all", (t) => {
  const { place, left, download } = cacheOf(t, [40, 20, 1]);
  assert.equal(pruneCache({ ...place, olderThanDays: 30 }).length, 1);
  assert.deepEqual(left(), ["1.safetensors", "2.safetensors"]);
  assert.equal(pruneCache({ ...place, maxBytes: 100 }).length, 1);
  assert.deepEqual(left(), ["2.safetensors"]);
  assert.equal(pruneCache({ ...place, all: true }).length, 2);
  assert.ok(!existsSync(download));
});
