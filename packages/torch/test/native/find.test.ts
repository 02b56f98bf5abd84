import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { LibtorchNotFoundError } from "../../src/errors.js";
import { findLibtorch, libtorchFingerprint, type SearchPlaces } from "../../src/native/find.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-find-"));
after(() => rmSync(folder, { recursive: true }));

const versionHeader =
  "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 6\n#define TORCH_VERSION_PATCH 0\n";
/** A folder that looks like libtorch, from the files named. */
function makeRoot(name: string, files: Record<string, string>): string {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
const headers = {
  "include/ATen/ATen.h": "",
  "include/torch/csrc/api/include/torch/version.h": versionHeader,
};
const whole = { ...headers, "lib/libtorch_cpu.so": "library" };

const noPython = () => {
  throw new Error("no torch");
};
const places = (over: Partial<SearchPlaces>): SearchPlaces => ({
  env: {},
  platform: "linux",
  roots: [],
  askPython: noPython,
  ...over,
});

function refused(search: SearchPlaces): LibtorchNotFoundError {
  try {
    findLibtorch(search);
  } catch (error) {
    assert.ok(error instanceof LibtorchNotFoundError);
    return error;
  }
  assert.fail("found");
}

test("find: LIBTORCH comes first, then python3's torch, then the system's roots", () => {
  const [named, python, system] = ["named", "python", "system"].map((name) => makeRoot(name, whole)) as [
    string,
    string,
    string,
  ];
  const all = places({
    env: { LIBTORCH: named },
    askPython: () => `${python}\n2.6.0\n0\n`,
    roots: [join(folder, "absent"), system],
  });
  assert.deepEqual([findLibtorch(all).how, findLibtorch(all).libraryPath], ["LIBTORCH", join(named, "lib")]);
  const unnamed = findLibtorch({ ...all, env: {} });
  assert.deepEqual([unnamed.how, unnamed.libraryPath, unnamed.cxx11Abi], ["python", join(python, "lib"), 0]);
  const last = findLibtorch({ ...all, env: { LIBTORCH: "" }, askPython: noPython });
  assert.deepEqual([last.how, last.version, last.cxx11Abi, last.cuda], ["system", "2.6.0", null, false]);
});

test("find: the version of a libtorch from 2.10 on, whose torch/version.h only includes another header", () => {
  const root = makeRoot("headeronly", {
    ...whole,
    "include/torch/csrc/api/include/torch/version.h": "#include <torch/headeronly/version.h>\n",
    "include/torch/headeronly/version.h": versionHeader,
  });
  const known = findLibtorch(places({ roots: [makeRoot("known", whole)] }));
  assert.equal(findLibtorch(places({ roots: [root] })).version, known.version);
});

test("find: a LIBTORCH that is wrong is an error, not a hint", () => {
  const system = makeRoot("behind", whole);
  const error = refused(places({ env: { LIBTORCH: "/nonexistent" }, roots: [system] }));
  assert.deepEqual(error.tried, ["LIBTORCH=/nonexistent: no include/ATen/ATen.h"]);
});

test("find: without libtorch, the error lists every location in order and says what to do", () => {
  const bare = makeRoot("bare", headers);
  const unversioned = makeRoot("unversioned", {
    ...whole,
    "include/torch/csrc/api/include/torch/version.h": "",
  });
  const absent = join(folder, "absent");
  const error = refused(places({ askPython: () => absent, roots: [bare, unversioned] }));
  assert.equal(error.tried.length, 4);
  assert.match(error.tried[0] ?? "", /^LIBTORCH: not set/);
  assert.ok(error.tried[1]?.includes(absent));
  assert.match(error.tried[2] ?? "", /headers, but no libtorch_cpu\.so/);
  assert.match(error.tried[3] ?? "", /no torch\/version\.h with a version/);
  assert.match(error.message, /apt-get install libtorch-dev.*pip install 'torch<2\.12'.*LIBTORCH/s);
  assert.match(refused(places({ platform: "darwin", roots: [bare] })).tried[2] ?? "", /libtorch_cpu\.dylib/);
});

test("find: CUDA and Debian's library folder are seen; the fingerprint changes with the library", () => {
  const root = makeRoot("debian", {
    ...headers,
    "lib/x86_64-linux-gnu/libtorch_cpu.so": "library",
    "lib/x86_64-linux-gnu/libtorch_cuda.so": "",
  });
  const found = findLibtorch(places({ roots: [root] }));
  assert.deepEqual([found.libraryPath, found.cuda], [join(root, "lib/x86_64-linux-gnu"), true]);
  const before = libtorchFingerprint(found, "linux");
  const library = join(found.libraryPath, "libtorch_cpu.so");
  utimesSync(library, 1, 1);
  assert.notEqual(libtorchFingerprint(found, "linux"), before);
  rmSync(library);
  assert.match(libtorchFingerprint(found, "linux"), /does not exist$/);
});
