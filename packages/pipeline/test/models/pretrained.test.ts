/** Where `slice.pretrained: imagenet` looks for torchvision's files, and what it takes for one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { findPinned, findPretrained } from "../../src/models/pretrained.js";
import { DownloadError } from "../../src/run/download.js";
import { temporaryFolder } from "../data/temporary.js";
import { file, serve, status } from "../run/server.js";

const content = Buffer.from("weights of our own making");
const sha256 = createHash("sha256").update(content).digest("hex");
const name = "resnet18-test.pth";
const pinned = (url: string) => ({ url: `${url}/${name}`, sha256, bytes: content.length });
const put = (path: string, data: string | Uint8Array) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
};

test("a missing file is downloaded into the cache, with its hash beside it, and found there the next time", async (t) => {
  const { url, seen } = await serve(t, file(content));
  const home = temporaryFolder(t);
  const path = await findPinned(pinned(url), { env: {}, home });
  assert.equal(path, join(home, ".cache/slicestack/weights", name));
  assert.ok(readFileSync(path).equals(content));
  assert.equal(readFileSync(`${path}.sha256`, "utf8"), `${sha256}  ${name}\n`);
  assert.equal(await findPinned(pinned(url), { env: {}, home }), path);
  assert.deepEqual(seen, [`/${name}`]);
});

test("a damaged file in the cache is downloaded again", async (t) => {
  const { url, seen } = await serve(t, file(content));
  const home = temporaryFolder(t);
  const path = join(home, ".cache/slicestack/weights", name);
  put(path, "half of it");
  assert.equal(await findPinned(pinned(url), { env: {}, home }), path);
  assert.ok(readFileSync(path).equals(content));
  assert.equal(seen.length, 1);
});

test("SLICESTACK_WEIGHTS comes before the cache, and PyTorch's cache before a download", async (t) => {
  const { url, seen } = await serve(t, status(404));
  const home = temporaryFolder(t);
  const torch = join(home, ".cache/torch/hub/checkpoints", name);
  put(torch, content);
  assert.equal(await findPinned(pinned(url), { env: {}, home }), torch);
  const torchHome = join(home, "elsewhere/hub/checkpoints", name);
  put(torchHome, content);
  assert.equal(
    await findPinned(pinned(url), { env: { TORCH_HOME: join(home, "elsewhere") }, home }),
    torchHome,
  );
  const cache = join(home, "xdg/slicestack/weights", name);
  put(cache, content);
  const env = { XDG_CACHE_HOME: join(home, "xdg") };
  assert.equal(await findPinned(pinned(url), { env, home }), cache);
  const own = join(home, "by-hand", name);
  put(own, content);
  assert.equal(
    await findPinned(pinned(url), { env: { ...env, SLICESTACK_WEIGHTS: dirname(own) }, home }),
    own,
  );
  assert.deepEqual(seen, []);
});

test("a wrong file in SLICESTACK_WEIGHTS is refused, and in PyTorch's cache passed over", async (t) => {
  const { url, seen } = await serve(t, file(content));
  const home = temporaryFolder(t);
  const own = join(home, "by-hand", name);
  put(own, "something else");
  await assert.rejects(
    findPinned(pinned(url), { env: { SLICESTACK_WEIGHTS: dirname(own) }, home }),
    (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(
        error.message,
        new RegExp(`^${own}: has the SHA-256 [0-9a-f]{64}, expected ${sha256}\\. Download it from`),
      );
      return true;
    },
  );
  put(join(home, ".cache/torch/hub/checkpoints", name), "something else");
  assert.equal(
    await findPinned(pinned(url), { env: { SLICESTACK_WEIGHTS: "" }, home }),
    join(home, ".cache/slicestack/weights", name),
  );
  assert.deepEqual(seen, [`/${name}`]);
});

test("without a connection the error names the file and the folder to put it into", async (t) => {
  const { url } = await serve(t, status(404));
  const home = temporaryFolder(t);
  const folder = join(home, ".cache/slicestack/weights");
  const message = `${url}/${name} could not be downloaded: the server answered 404 Not Found. Without a connection: put ${name} (from ${url}/${name}) into ${folder}, or into a folder that SLICESTACK_WEIGHTS names.`;
  await assert.rejects(findPinned(pinned(url), { env: {}, home }), { name: "DownloadError", message });
});

test("imagenet is torchvision's IMAGENET1K_V1 of the trunk's depth, imagenet_v2 its later ResNet-50", async (t) => {
  const { url, seen } = await serve(t, status(404));
  const env = { SLICESTACK_WEIGHTS_URL: `${url}/mirror/` };
  const home = temporaryFolder(t);
  for (const [value, depth] of [
    ["imagenet", 18],
    ["imagenet", 34],
    ["imagenet", 50],
    ["imagenet_v2", 50],
  ] as const)
    await assert.rejects(findPretrained(value, depth, { env, home }), (error) => {
      assert.ok(error instanceof DownloadError);
      assert.match(error.message, /from https:\/\/download\.pytorch\.org\/models\/resnet/);
      return true;
    });
  // The file names of torchvision 0.13 and later.
  const names = [
    "resnet18-f37072fd.pth",
    "resnet34-b627a593.pth",
    "resnet50-0676ba61.pth",
    "resnet50-11ad3fa6.pth",
  ];
  assert.deepEqual(
    seen,
    names.map((file) => `/mirror/${file}`),
  );
  await assert.rejects(findPretrained("imagenet_v2", 18, { env, home }), {
    name: "CheckpointError",
    message: /no such weights for ResNet-18\. Set slice\.pretrained to imagenet/,
  });
});

test("a server that gives something else under torchvision's name is found out", async (t) => {
  const { url } = await serve(t, file(Buffer.alloc(46_830_571)));
  const home = temporaryFolder(t);
  await assert.rejects(findPretrained("imagenet", 18, { env: { SLICESTACK_WEIGHTS_URL: url }, home }), {
    name: "DownloadError",
    message:
      /expected the SHA-256 f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec, received [0-9a-f]{64}/,
  });
  assert.ok(!existsSync(join(home, ".cache/slicestack/weights/resnet18-f37072fd.pth")));
});

test("a path is a path, also one that is named like an object's own property, and a model without a trunk needs no file", async () => {
  for (const value of ["weights/a.pth", "constructor", "./imagenet"])
    assert.equal(await findPretrained(value, 18), value);
  assert.equal(await findPretrained("imagenet", null), "imagenet");
});
