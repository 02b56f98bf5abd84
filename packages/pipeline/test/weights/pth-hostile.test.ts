/** Files that would execute code, exhaust memory, or loop forever in a reader that trusts them. All are refused. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readWeights } from "../../src/weights/weights.js";
import { bytes, legacyHead, legacyPth, little, op, pickle, zip, zipPth } from "./assemble.js";
import { running } from "./pth-running.js";
import { refused, write } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-hostile-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const marker = join(folder, "was-run");
const command = `touch ${marker}`;

for (const [what, body, message] of running(command)) {
  test(`${what} is refused in both formats, and nothing is run`, () => {
    refused(write(folder, "zip.pth", zipPth(pickle(body), { "0": Buffer.alloc(4) })), message);
    const inLegacy = what.includes("archive") ? /storage|tensors/ : message;
    refused(write(folder, "legacy.pth", legacyPth(pickle(body))), inLegacy);
    assert.equal(existsSync(marker), false);
  });
}

function python(program: string): boolean {
  try {
    execFileSync("/usr/bin/python3", ["-c", program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
const noTorch = python("import torch") ? false : "torch of /usr/bin/python3 is not installed";

test(
  "the first of them does run code when Python loads it, so that the test is meaningful",
  { skip: noTorch },
  () => {
    const file = write(folder, "live.pth", zipPth(pickle(running(command)[0]?.[1] ?? "")));
    refused(file, /os\.system/);
    assert.equal(existsSync(marker), false);
    python(`import torch; torch.load(${JSON.stringify(file)})`);
    assert.equal(existsSync(marker), true);
    rmSync(marker);
  },
);

test("a name that is not needed is refused at any position: deep in other entries, as a key, in the names of storages", () => {
  const evil = op.global("os", "system");
  for (const body of [
    op.dict({ state_dict: bytes("}"), args: op.dict({ a: bytes("]", evil, "a") }) }),
    bytes("}", evil, "K\x01s"),
    bytes(op.tuple(op.int(1), evil), "0}"),
  ])
    refused(
      write(folder, "deep.pth", zipPth(pickle(body))),
      /names os\.system, which weights do not need|made by os\.system/,
    );
  const file = write(folder, "names.pth", Buffer.concat([legacyHead, pickle("}"), pickle(evil)]));
  refused(file, /os\.system/);
});

const half = bytes(0x80, 2);
const endless: [what: string, body: Buffer, message: RegExp][] = [
  ["a text of 4 GB", bytes("X", little(0xffffffff, 4)), /announces 4294967295 bytes, but 1 are left/],
  ["a text of 2^63 bytes", bytes(0x8d, little(2n ** 63n, 8)), /announces 9223372036854776000 bytes/],
  ["bytes of 2^64 - 1", bytes(0x8e, little(-1n, 8)), /announces 18446744073709552000 bytes/],
  ["a bytearray of 2^40", bytes(0x96, little(2n ** 40n, 8)), /announces 1099511627776 bytes/],
  ["a whole number of 2 GB", bytes(0x8b, little(0x7fffffff, 4)), /a whole number of 2147483647 bytes/],
  ["a whole number of -1 bytes", bytes(0x8b, little(-1, 4)), /a whole number of 4294967295 bytes/],
  ["a frame of 2^60", bytes(0x95, little(2n ** 60n, 8)), /a frame of 1152921504606847000 bytes/],
  ["a name without an end", bytes("c", "a".repeat(5000)), /a name without an end/],
  ["a text that is not UTF-8", bytes("X", little(2, 4), 0xc3, 0x28), /not UTF-8/],
  ["no STOP", half, /announces 1 bytes, but 0 are left/],
  ["STOP at once", Buffer.alloc(0), /a value from an empty stack/],
  ["POP of nothing", bytes("0"), /a value from an empty stack/],
  ["TUPLE without a mark", bytes("t"), /a mark that does not exist/],
  ["APPEND to a dict", bytes("}K\x01a"), /appends to something that is not a list/],
  ["SETITEM of a list", bytes("]K\x01K\x02s"), /sets items of something that is not a dict/],
  ["SETITEMS of three", bytes("}(K\x01K\x02K\x03u"), /sets items of something that is not a dict/],
  ["BINGET of nothing", bytes("h\x05"), /recalls value 5/],
  ["LONG_BINGET of 2^32 - 1", bytes("j", little(-1, 4)), /recalls value 4294967295/],
  ["values left over", bytes("K\x01K\x02"), /values left over/],
  ["a mark left over", bytes("(K\x01"), /values left over/],
  ["protocol 0", bytes(0x80, 0), /protocol 0, supported are 2 to 5/],
  ["protocol 6", bytes(0x80, 6), /protocol 6, supported are 2 to 5/],
  ["an instruction that is none", bytes(0xff), /the instruction 0xff/],
  ["text instructions of protocol 0", bytes("I1\n"), /the instruction "I"/],
];

for (const [what, body, message] of endless)
  test(`${what} is refused before memory is allocated`, () => {
    const before = process.memoryUsage().arrayBuffers;
    refused(write(folder, "zip.pth", zipPth(what === "no STOP" ? half : pickle(body))), message);
    assert.ok(process.memoryUsage().arrayBuffers - before < 32e6);
  });

test("self-referencing objects are read or refused without endless recursion", () => {
  const itself = bytes("]q\x00h\x00a");
  refused(write(folder, "list.pth", zipPth(pickle(itself))), /holds a list of 1, not a state dict/);
  const dict = bytes("}q\x00", op.text("state_dict"), "h\x00s");
  refused(
    write(folder, "dict.pth", zipPth(pickle(dict))),
    /does not contain a state dict; it has state_dict/,
  );
});

test("a list of itself twice, forty levels deep (2^40 leaves), is named in a line", () => {
  // level = [level, level], forty times, by the memo.
  const levels = Array.from({ length: 40 }, (_, k) => bytes("]", "q", k + 1, "(h", k, "h", k, "e"));
  const body = bytes("]q\x00", ...levels.flatMap((level) => ["0", level]));
  refused(write(folder, "laughs.pth", zipPth(pickle(body))), /holds a list of 2, not a state dict/);
});

test("a million levels of nesting, marks and tuples do not end the stack", () => {
  const depth = 1_000_000;
  refused(
    write(folder, "marks.pth", zipPth(pickle(Buffer.alloc(depth, "(")))),
    /values left over|a value from an empty stack/,
  );
  refused(
    write(folder, "lists.pth", zipPth(pickle(Buffer.alloc(depth, "]"), Buffer.alloc(depth - 2, "a")))),
    /values left over/,
  );
  refused(
    write(folder, "tuples.pth", zipPth(pickle(")", Buffer.alloc(depth, 0x85)))),
    /holds a tuple of 1, not a state dict/,
  );
});

test("a pickle of very many instructions ends at a limit, also if a few of them need much work", () => {
  refused(write(folder, "many.pth", zipPth(pickle(Buffer.alloc(3_000_000, "N")))), /larger than weights are/);
  refused(write(folder, "dicts.pth", zipPth(pickle(Buffer.alloc(200_000, "}")))), /larger than weights are/);
  // One list of pairs, made into a dict ten thousand times; one text, encoded ten thousand times.
  const pairs = bytes("](", ...Array.from({ length: 1000 }, () => bytes("K\x01K\x02", 0x86)), "eq\x000");
  const dict = bytes(op.global("collections", "OrderedDict"), "h\x00", 0x85, "R0");
  refused(
    write(folder, "copies.pth", zipPth(pickle(pairs, ...Array.from({ length: 10_000 }, () => dict), "}"))),
    /larger than weights are/,
  );
  const text = bytes(op.text("x".repeat(1 << 16)), "q\x000");
  const encode = bytes(op.global("_codecs", "encode"), "h\x00", op.text("latin1"), 0x86, "R0");
  refused(
    write(folder, "texts.pth", zipPth(pickle(text, ...Array.from({ length: 10_000 }, () => encode), "}"))),
    /larger than weights are/,
  );
  const size = bytes("(", Buffer.alloc(100_000, "N"), "tq\x000");
  refused(
    write(folder, "size.pth", zipPth(pickle(size, op.global("torch", "Size"), "h\x00", 0x85, "R"))),
    /torch\.Size is called with/,
  );
});

test("the largest of them all take less than 400 MB at their peak (in a separate process, by its resident memory)", () => {
  const inside = op.dict({ w: op.tensor(op.storage("FloatStorage", "0", 4), 0, [4], [1]) });
  const files = {
    lists: zipPth(pickle(Buffer.alloc(1_000_000, "]"), Buffer.alloc(999_998, "a"))),
    marks: zipPth(pickle(Buffer.alloc(1_999_999, "("))),
    tuples: zipPth(pickle(Buffer.alloc(1_999_999, ")"))),
    dicts: zipPth(pickle(Buffer.alloc(110_000, "}"))),
    kept: legacyPth(pickle("N", Buffer.alloc(1_900_000, 0x94))),
    texts: zipPth(pickle(...Array.from({ length: 12 }, () => op.text("x".repeat(1 << 22))), inside)),
    huge: zipPth(pickle(bytes("X", little(0xffffffff, 4)))),
    header: Buffer.concat([little(2n ** 62n, 8), Buffer.from("{}")]),
  };
  const paths = Object.entries(files).map(([name, data]) => write(folder, `${name}.pth`, data));
  const module = new URL("../../src/weights/weights.js", import.meta.url).href;
  const program = `import { readWeights } from ${JSON.stringify(module)};
    const before = process.resourceUsage().maxRSS;
    let refused = 0;
    for (const path of process.argv.slice(1)) try { readWeights(path); } catch (error) { refused += error.name === "CheckpointError"; }
    console.log(refused, process.resourceUsage().maxRSS - before);`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program, ...paths], {
    encoding: "utf8",
  });
  const [count, kilobytes] = output.trim().split(" ").map(Number);
  assert.equal(count, paths.length);
  assert.ok((kilobytes ?? Infinity) < 400_000, `${kilobytes} kB`);
});

const w = (offset: number, shape: number[], stride: number[], count = 4) =>
  op.dict({ w: op.tensor(op.storage("FloatStorage", "0", count), offset, shape, stride) });
const sixteen = { "0": Buffer.alloc(16) };

const views: [what: string, body: Buffer, message: RegExp][] = [
  ["a size beyond the storage", w(0, [5], [1]), /reaches value 4 of a storage of 4/],
  ["an offset beyond the storage", w(4, [1], [1]), /reaches value 4 of a storage of 4/],
  ["a negative offset", w(-1, [1], [1]), /invalid size, stride or offset/],
  ["a negative stride", w(3, [2], [-1]), /invalid size, stride or offset/],
  ["a negative size", w(0, [-2], [1]), /invalid size, stride or offset/],
  ["fewer strides than sizes", w(0, [2, 2], [1]), /invalid size, stride or offset/],
  ["a billion values of one", w(0, [2 ** 30], [0]), /repeats the 4 values of its storage to 1073741824/],
  [
    "sizes whose product overflows",
    w(0, [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1], [0, 0, 0]),
    /sizes that are too large/,
  ],
  [
    "sizes that overflow beside a 0",
    w(0, [0, 2 ** 31 - 1, 2 ** 31 - 1], [1, 1, 1]),
    /sizes that are too large/,
  ],
  [
    "a hundred dimensions",
    w(
      0,
      Array.from({ length: 100 }, () => 1),
      Array.from({ length: 100 }, () => 1),
    ),
    /has 100 dimensions/,
  ],
  [
    "a size that is a fraction",
    op.dict({
      w: op.call(
        "torch._utils",
        "_rebuild_tensor_v2",
        op.storage("FloatStorage", "0", 4),
        op.int(0),
        bytes("G?\xf8\0\0\0\0\0\0", 0x85),
        op.ints([1]),
      ),
    }),
    /invalid size, stride or offset/,
  ],
  ["a storage of more values than the file has", w(0, [8], [1], 8), /has 16 bytes, its tensors expect 32/],
  ["a storage of fewer", w(0, [2], [1], 2), /has 16 bytes, its tensors expect 8/],
  [
    "a storage of 2^31 - 1 values",
    w(0, [1], [1], 2 ** 31 - 1),
    /has 16 bytes, its tensors expect 8589934588/,
  ],
  [
    "a storage of two types",
    op.dict({
      a: op.tensor(op.storage("FloatStorage", "0", 4), 0, [4], [1]),
      b: op.tensor(op.storage("IntStorage", "0", 4), 0, [4], [1]),
    }),
    /storage 0 is 4 float32 and 4 int32/,
  ],
  [
    "a tensor without a storage",
    op.dict({
      w: op.call(
        "torch._utils",
        "_rebuild_tensor_v2",
        op.text("storage"),
        op.int(0),
        op.ints([1]),
        op.ints([1]),
      ),
    }),
    /_rebuild_tensor_v2 is called with \("storage", 0, a tuple of 1, a tuple of 1\)/,
  ],
  [
    "a parameter of no tensor",
    op.dict({ w: op.call("torch._utils", "_rebuild_parameter", op.int(1)) }),
    /_rebuild_parameter is called with \(1\)/,
  ],
  [
    "an OrderedDict of no pairs",
    op.call("collections", "OrderedDict", bytes("]K\x01a")),
    /collections\.OrderedDict is called with \(a list of 1\)/,
  ],
  ["a torch.Size of texts", op.call("torch", "Size", op.tuple(op.text("a"))), /torch\.Size is called/],
];

for (const [what, body, message] of views)
  test(`${what} is refused`, () =>
    refused(write(folder, "view.pth", zipPth(pickle(body), sixteen)), message));

test("a thousand views of one storage, each whole, are refused before memory is allocated", () => {
  const storage = bytes(op.storage("FloatStorage", "0", 1 << 16), "q\x000");
  const one = (k: number) => op.tensor(bytes("h\x00"), 0, [(1 << 16) - k], [1]);
  const body = bytes(
    storage,
    op.dict(Object.fromEntries(Array.from({ length: 1000 }, (_, k) => [`w${k}`, one(k)]))),
  );
  const file = write(folder, "views.pth", zipPth(pickle(body), { "0": Buffer.alloc(1 << 18) }));
  refused(file, /and views of them that would take 26/);
});

test("an archive with overlapping parts is refused before memory is allocated", () => {
  const data = Buffer.alloc(1 << 16);
  const names = Array.from({ length: 200 }, (_, k) => String(k));
  const tensor = (name: string) => op.tensor(op.storage("FloatStorage", name, 1 << 14), 0, [1 << 14], [1]);
  const dataPkl = pickle(op.dict(Object.fromEntries(names.map((name) => [`w${name}`, tensor(name)]))));
  const first = { name: "archive/data/0", data };
  const rest = names.slice(1).map((name) => ({
    name: `archive/data/${name}`,
    data: Buffer.alloc(0),
    at: 0,
    size: data.length,
    checksum: 0,
  }));
  const file = write(
    folder,
    "overlap.pth",
    zip([first, { name: "archive/data.pkl", data: dataPkl }, ...rest]),
  );
  refused(file, /and views of them that would take 13107200/);
});

test("archives that are damaged, duplicated, compressed, of another kind or truncated anywhere are refused", () => {
  const dataPkl = pickle(w(0, [4], [1]));
  const part = { name: "archive/data.pkl", data: dataPkl };
  const storage = { name: "archive/data/0", data: Buffer.alloc(16) };
  const file = (parts: Parameters<typeof zip>[0], lies = {}) => write(folder, "zip.pth", zip(parts, lies));
  refused(file([part, storage, storage]), /holds the part archive\/data\/0 twice/);
  refused(file([part]), /the values of storage 0 are not in the file/);
  refused(file([storage]), /is a zip archive, but not one that torch\.save wrote/);
  refused(file([part, { ...part, name: "other/data.pkl" }, storage]), /is a zip archive, but not one/);
  refused(file([{ ...part, method: 8 }, storage]), /data\.pkl is compressed or encrypted/);
  refused(file([part, { ...storage, method: 8 }]), /data\/0 is compressed or encrypted/);
  refused(file([{ ...part, checksum: 1 }, storage]), /data\.pkl does not have the checksum/);
  refused(file([part, { ...storage, checksum: 1 }]), /storage 0 do not have the checksum/);
  refused(file([part, { ...storage, size: 1 << 30 }]), /damaged zip archive \(file data overflows/);
  refused(file([part, { ...storage, at: 0xfffffff0 }]), /expected 30 bytes from byte 4294967280/);
  refused(
    file([part, storage, { name: "archive/byteorder", data: Buffer.from("big") }]),
    /of "big" byte order/,
  );
  refused(file([part, storage], { entryCount: 3 }), /expected 46 bytes from byte \d+/);
  refused(file([part, storage], { directoryAt: 0xfffffff0 }), /expected 46 bytes from byte 4294967280/);
  refused(file([part, storage], { directoryAt: 0 }), /damaged zip archive/);
  refused(
    file([part, storage, { name: "", data: Buffer.alloc(0) }]),
    /damaged zip archive \(it ends early\)/,
  );
  refused(
    file([part, storage, { name: "../evil", data: Buffer.alloc(0) }]),
    /damaged zip archive \(invalid relative path/,
  );
  refused(
    file([part, storage, { name: "archive/constants.pkl", data: pickle(")") }]),
    /is a TorchScript program/,
  );
  refused(
    file([part, storage, { name: "archive/code/a.py", data: Buffer.from("x"), method: 8 }]),
    /TorchScript program/,
  );
  const whole = zip([part, storage]);
  assert.equal(readWeights(write(folder, "whole.pth", whole)).tensors.size, 1);
  for (let length = 0; length < whole.length; length++)
    refused(
      write(folder, "cut.pth", whole.subarray(0, length)),
      /zip archive|is not a weights file|expected \d+ bytes from byte/,
    );
});

test("a zip64 directory that points beyond every file is refused", () => {
  const [locator, record] = [bytes("PK\x06\x07", little(0, 4)), bytes(little(1, 4))];
  const end = bytes(
    "PK\x05\x06",
    little(0xffff, 4),
    little(0xffff, 2),
    little(0xffff, 2),
    little(-1, 4),
    little(-1, 4),
    little(0, 2),
  );
  for (const at of [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 1000n]) {
    const file = bytes("PK\x03\x04", Buffer.alloc(60), locator, little(at, 8), record, end);
    refused(write(folder, "zip64.pth", file), /expected 56 bytes from byte|damaged zip archive/);
  }
});

test("legacy files: wrong heads, names and counts of storages, and truncation anywhere are refused", () => {
  const object = pickle(op.dict({ w: op.tensor(op.storageLegacy("FloatStorage", "a", 4), 0, [4], [1]) }));
  const values = Buffer.alloc(16);
  const file = (data: Uint8Array) => write(folder, "legacy.pth", data);
  const whole = legacyPth(object, { a: [4, values] });
  assert.equal(readWeights(file(whole)).tensors.size, 1);
  for (let length = 0; length < whole.length; length++) refused(file(whole.subarray(0, length)), /./);
  refused(file(Buffer.concat([whole, Buffer.alloc(1)])), /expected \d+ bytes, the file has \d+/);
  refused(file(legacyPth(object, { a: [5, values] })), /storage a has 5 values, its tensors expect 4/);
  refused(file(legacyPth(object, { a: [-1, values] })), /storage a has -1 values/);
  refused(file(legacyPth(object, { b: [4, values] })), /list of storages does not fit/);
  refused(file(legacyPth(object, { a: [4, values], b: [4, values] })), /list of storages does not fit/);
  refused(file(legacyPth(object)), /storage a is not in the file/);
  const view = bytes(
    op.tuple(
      op.text("storage"),
      op.global("torch", "FloatStorage"),
      op.text("a"),
      op.text("cpu"),
      op.int(4),
      op.tuple(op.text("b"), op.int(0), op.int(4)),
    ),
    "Q",
  );
  refused(file(legacyPth(pickle(view))), /a part of another one, as before PyTorch 0\.4/);
  const [magic, version] = [legacyHead.subarray(0, 15), pickle("M", little(1002, 2))];
  refused(file(Buffer.concat([magic, version])), /expected version 1001/);
  const big = pickle(op.dict({ little_endian: bytes(0x89) }));
  refused(
    file(Buffer.concat([magic, pickle("M", little(1001, 2)), big])),
    /not written on a little-endian machine/,
  );
  refused(file(pickle("K\x01")), /is a pickle, but not one that torch\.save wrote/);
});

test("files of other kinds are refused by what they are", () => {
  const file = (data: string | Uint8Array) => write(folder, "other.pth", bytes(data));
  refused(file(""), /is not a weights file \(it is empty\)/);
  refused(file("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), /a pointer of Git LFS/);
  refused(file("<!DOCTYPE html><title>404</title>"), /a web page/);
  refused(file("\x1f\x8b\x08\x00"), /a gzip file/);
  refused(file("\x89HDF\r\n\x1a\n"), /an HDF5 file/);
  refused(file("\x93NUMPY\x01\x00"), /a numpy array/);
  refused(file("weights"), /is not a weights file \(it begins with 77656967687473\)/);
  refused(folder, /cannot be read \(it is not a file\)/);
  refused(join(folder, "absent.pth"), /absent\.pth: cannot be read \(ENOENT\)\. Check the path\.$/);
});

test(
  "no file stays open after reading or refusing (by /proc/self/fd)",
  { skip: existsSync("/proc/self/fd") ? false : "no /proc/self/fd" },
  async () => {
    const { readdirSync } = await import("node:fs");
    const before = readdirSync("/proc/self/fd").length;
    const good = write(folder, "good.pth", zipPth(pickle(w(0, [4], [1])), sixteen));
    const bad = write(folder, "bad.pth", zipPth(pickle("0")));
    for (let k = 0; k < 20; k++) {
      for (const tensor of readWeights(good).tensors.values()) tensor.dispose();
      refused(bad, /empty stack/);
    }
    assert.equal(readdirSync("/proc/self/fd").length, before);
  },
);
