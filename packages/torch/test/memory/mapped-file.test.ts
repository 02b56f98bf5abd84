/** A mapped file that is truncated while it is in use gives a typed error, even in the middle of an op, and the process continues. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { mapFile, MappedFileError } from "../../src/index.js";
import { native } from "../../src/native/load.js";
import { scopedTest } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-mapped-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const page = 4096;

function made(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(bytes).fill(1));
  return path;
}

scopedTest(
  "a file that was truncated after it was mapped is refused by name at the next use, and others are not",
  () => {
    const [cut, kept] = [made("cut.npy", 10 * page), made("kept.npy", 10 * page)];
    const [x, y] = [mapFile(cut, 10 * page), mapFile(kept, 10 * page)];
    const view = x.narrow(0, 0, 8);
    assert.equal(x.sum().item(), 10 * page);
    truncateSync(cut, 9 * page + 7); // within what was mapped
    for (const use of [() => x.sum(), () => view.toTypedArray(), () => y.add(view)])
      assert.throws(use, (error: Error) => {
        assert.ok(error instanceof MappedFileError);
        assert.match(
          error.message,
          /cut\.npy: expected the 40960 bytes that were mapped, but the file now has 36871; .*start again/,
        );
        return true;
      });
    assert.equal(y.sum().item(), 10 * page);
  },
);

scopedTest("a file that was replaced by another is still read in its old state", () => {
  const path = made("replaced.npy", 2 * page);
  const x = mapFile(path, 2 * page);
  renameSync(made("other.npy", 5), path);
  assert.equal(x.sum().item(), 2 * page);
});

scopedTest(
  "a page that disappears in the middle of an op also gives a MappedFileError: no signal ends the process",
  () => {
    // The size is checked before an op reads, so a getter truncates the file while the op reads its arguments.
    const path = made("middle.npy", 100 * page);
    const x = mapFile(path, 100 * page);
    const places = [0];
    Object.defineProperty(places, 0, { get: () => (truncateSync(path, 0), 0) });
    assert.throws(() => native().flip(x.handle, places), { name: "MappedFileError", message: /middle\.npy/ });
    assert.throws(() => x.item(), { name: "MappedFileError" });
  },
);

scopedTest("a SIGBUS that is not of a mapped file still ends the process", () => {
  const code = `
    import { mapFile } from "${new URL("../../src/index.js", import.meta.url).href}";
    mapFile(${JSON.stringify(made("small.npy", page))}, ${page}).dispose();
    process.kill(process.pid, "SIGBUS");
    setTimeout(() => console.log("alive"), 5000);`;
  assert.throws(
    () => execFileSync(process.execPath, ["--input-type=module", "-e", code], { stdio: "pipe" }),
    (error: { signal?: string }) => error.signal === "SIGBUS",
  );
});
