import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { c10dFlags, c10dSignature, defaultPlaces, findC10d, type C10dPlaces } from "../../src/native/c10d.js";
import type { Libtorch } from "../../src/native/find.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-c10d-"));
after(() => rmSync(folder, { recursive: true }));

/** A folder with empty headers. */
function headers(name: string, ...files: string[]): string {
  const root = join(folder, name);
  mkdirSync(root, { recursive: true });
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  return root;
}
const torch = headers("torch", "torch/csrc/distributed/c10d/ProcessGroupGloo.hpp");
const gloo = headers("gloo", "gloo/algorithm.h");
const cuda = headers("cuda", "nccl.h", "cuda_runtime_api.h");

const libtorch = (includePath: string, withCuda = false): Libtorch => ({
  version: "2.6.0",
  libraryPath: join(folder, "lib"),
  includePaths: [includePath],
  how: "LIBTORCH",
  cxx11Abi: null,
  cuda: withCuda,
});

/** What is found where the compiler takes all programs but those that `refuses` names. @returns also what it was asked */
async function find(
  found: Libtorch,
  places: C10dPlaces,
  refuses: RegExp | null = null,
  key = `${Math.random()}`,
) {
  const asked: string[][] = [];
  const tryProgram = (source: string, _output: string, flags: string[]) => {
    asked.push(flags);
    return refuses?.test(source)
      ? Promise.reject(new Error("g++ failed:\nIn file x:\nx.hpp:3: error: no such thing"))
      : Promise.resolve();
  };
  return { ...(await findC10d(found, places, key, { folder, tryProgram })), asked };
}

test("c10d: headers that are missing are named with the remedy, and no compiler is asked", async () => {
  const bare = await find(libtorch(headers("bare")), { folders: [gloo] });
  assert.deepEqual([bare.backends, bare.asked], [[], []]);
  assert.match(bare.reason, /libtorch 2\.6\.0 has no headers of c10d/);
  const without = await find(libtorch(torch), { folders: [] });
  assert.deepEqual([without.backends, without.asked], [[], []]);
  assert.match(without.reason, /gloo's headers are not installed \(gloo\/algorithm\.h\)/);
  assert.match(without.remedy, /apt-get install libgloo-dev.*slicestack-torch-build/);
});

test("c10d: a program is compiled and linked before a backend counts; the reason is the compiler's message", async () => {
  const fits = await find(libtorch(torch), { folders: [gloo] });
  assert.deepEqual([fits.backends, fits.reason, fits.remedy], [["gloo"], "", ""]);
  assert.deepEqual(fits.asked, [["-DUSE_C10D_GLOO", "-isystem", gloo]]);
  const refused = await find(libtorch(torch), { folders: [gloo] }, /ProcessGroupGloo/);
  assert.deepEqual(refused.backends, []);
  assert.match(
    refused.reason,
    /gloo's headers do not match libtorch 2\.6\.0: x\.hpp:3: error: no such thing/,
  );
});

test("c10d: NCCL needs a libtorch with CUDA, its headers, and a program too; Gloo stays without it", async () => {
  const places = { folders: [gloo, cuda] };
  assert.deepEqual((await find(libtorch(torch, true), places)).backends, ["gloo", "nccl"]);
  assert.deepEqual((await find(libtorch(torch, true), places, /ProcessGroupNCCL/)).backends, ["gloo"]);
  assert.deepEqual((await find(libtorch(torch, false), places)).backends, ["gloo"]);
  assert.deepEqual((await find(libtorch(torch, true), { folders: [gloo] })).backends, ["gloo"]);
  assert.ok(c10dFlags(["gloo", "nccl"], places).includes("-DUSE_C10D_NCCL"));
  assert.deepEqual(c10dFlags([], places), []);
});

test("c10d: an answer is kept under its key; added or changed headers give another signature", async () => {
  await find(libtorch(torch), { folders: [gloo] }, null, "kept");
  const again = await find(libtorch(torch), { folders: [gloo] }, /ProcessGroupGloo/, "kept");
  assert.deepEqual([again.backends, again.asked], [["gloo"], []]);
  const signature = () => c10dSignature(libtorch(torch), { folders: [gloo] });
  const before = signature();
  assert.notEqual(c10dSignature(libtorch(torch), { folders: [] }), before);
  utimesSync(join(gloo, "gloo/algorithm.h"), 1, 1);
  assert.notEqual(signature(), before);
});

test("c10d: CPATH, CUDA_HOME and pip's packages beside torch are searched", () => {
  const { folders } = defaultPlaces(libtorch(torch), { CPATH: `${gloo}::${cuda}`, CUDA_HOME: "/opt/cuda" });
  assert.deepEqual(folders.slice(0, 2), [gloo, cuda]);
  assert.ok(folders.includes("/opt/cuda/include"));
  assert.ok(folders.includes(join(dirname(folder), "nvidia", "nccl", "include")));
});
