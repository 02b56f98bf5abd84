/** slicestack weights: what is known of files, and how one is fetched, from a server of the test. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandFolder } from "./command.js";

const work = new CommandFolder();
const asked: string[] = [];
let server: Server;

before(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!);
    response.end("other bytes");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  Object.assign(work.options.env, {
    HOME: work.path,
    XDG_CACHE_HOME: join(work.path, "cache"),
    SLICESTACK_WEIGHTS_URL: `http://127.0.0.1:${port}/mirror`,
  });
});
after(() => server.close());

const run = (...words: string[]) => work.start(["weights", ...words]);

test("list: every name with its size, and none on a fresh machine; code 0", async () => {
  const { status, stdout } = await run("list");
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[0]!, /^imagenet\/resnet18 +47 MB {2}not on this machine$/);
  assert.match(lines.at(-1)!, /^imagenet_v2\/resnet50 +103 MB /);
});

test("show: address, size, hash and licence of a name; tensors and model of a file", async () => {
  const named = await run("show", "imagenet/resnet50");
  assert.equal(named.status, 0);
  assert.match(
    named.stdout,
    /resnet50-0676ba61\.pth\n102530333 bytes, SHA-256 0676ba61[0-9a-f]{56}\nLicence: BSD/,
  );
  assert.match(named.stdout, /slicestack weights fetch imagenet\/resnet50/);
  const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(join(work.path, "own.safetensors"), Buffer.concat([length, header, Buffer.alloc(8)]));
  const own = await run("show", "own.safetensors");
  assert.equal(own.status, 0, own.stderr);
  assert.match(own.stdout, /safetensors, .*1 tensor/);
});

test("fetch: a file whose content is not the pinned one is refused, and nothing is kept; the facts come first", async () => {
  const { status, stdout, stderr } = await run("fetch", "imagenet/resnet18");
  assert.equal(status, 3);
  assert.equal(stdout, "");
  assert.match(stderr, /46830571 bytes, SHA-256 f37072fd[^]*Licence: [^]*could not be downloaded/);
  assert.deepEqual([...new Set(asked)], ["/mirror/resnet18-f37072fd.pth"]);
  assert.match((await run("list")).stdout, /^imagenet\/resnet18 +47 MB {2}not on this machine$/m);
});

test("a damaged file in SLICESTACK_WEIGHTS is named; an unknown name lists the known ones, code 2", async () => {
  const own = join(work.path, "by-hand");
  mkdirSync(own);
  writeFileSync(join(own, "resnet18-f37072fd.pth"), "half of it");
  Object.assign(work.options.env, { SLICESTACK_WEIGHTS: own });
  const damaged = await run("show", "imagenet/resnet18");
  assert.notEqual(damaged.status, 0);
  assert.match(damaged.stderr, /by-hand\/resnet18-f37072fd\.pth.*SHA-256/s);
  Object.assign(work.options.env, { SLICESTACK_WEIGHTS: "" });
  const unknown = await run("fetch", "imagenet/vgg16");
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /no weights imagenet\/vgg16.*imagenet\/resnet18, /s);
});
