import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { AtomicFileWriter, StagedFolder, writeFileAtomic } from "../../src/data/atomic.js";
import { formatTable, parseTable, readTable, writeTable } from "../../src/data/csv.js";
import { TableError } from "../../src/data/errors.js";
import {
  claimFolder,
  FOLDER_MARK,
  FolderError,
  markFolder,
  markText,
  refuseExistingFile,
  refuseForeign,
  refuseOccupied,
} from "../../src/data/owned-folder.js";
import { makeFolder } from "../../src/data/make-folder.js";
import { temporaryFolder } from "./temporary.js";

test("csv: values with commas, quotes, line breaks and leading zeros come back as they were", (t) => {
  const path = join(temporaryFolder(t), "table.csv");
  const rows = [
    { id: "0007", note: 'a, "b"\nc' },
    { id: "ü", note: "" },
  ];
  writeTable(path, ["id", "note"], rows);
  assert.deepEqual(
    readTable(path).rows.map((row) => row.values),
    rows,
  );
});

test("csv: errors name the file and the line (counted by hand)", () => {
  const thrown = (text: string) => {
    try {
      parseTable(text, "labels.csv");
    } catch (error) {
      assert.ok(error instanceof TableError);
      return error;
    }
    return assert.fail("nothing was thrown");
  };
  const short = thrown("id,label\na,1\n\nb\n");
  assert.equal(short.line, 4);
  assert.match(short.message, /labels\.csv, line 4: expected 2 values \(id, label\), found 1/);
  assert.match(thrown("").message, /the file is empty/);
  assert.match(thrown("id,id\na,b").message, /"id" appears twice/);
  assert.equal(thrown('id,label\na,"1\n').file, "labels.csv");
});

test("csv: a byte-order mark and CRLF are read", () => {
  const table = parseTable("\ufeffid,label\r\na,1\r\n", "x.csv");
  assert.deepEqual(table.columns, ["id", "label"]);
  assert.deepEqual(table.rows[0]?.values, { id: "a", label: "1" });
});

test("csv: a missing file is a TableError; a row without a column is refused", (t) => {
  assert.throws(
    () => readTable(join(temporaryFolder(t), "none.csv")),
    /none\.csv: cannot be read \(ENOENT\)/,
  );
  assert.throws(() => formatTable(["a", "b"], [{ a: 1 }]), /without a value for "b"/);
});

test("writeFileAtomic: the file is whole and no temporary one is left; nothing is created in a missing folder", (t) => {
  const folder = temporaryFolder(t);
  writeFileAtomic(join(folder, "a.txt"), "one");
  writeFileAtomic(join(folder, "a.txt"), "two");
  assert.equal(readFileSync(join(folder, "a.txt"), "utf8"), "two");
  assert.deepEqual(readdirSync(folder), ["a.txt"]);
  assert.throws(() => writeFileAtomic(join(folder, "no", "a.txt"), "x"), /ENOENT/);
});

test("AtomicFileWriter: the file does not exist before commit, and nothing is left after abort", (t) => {
  const folder = temporaryFolder(t);
  const writer = new AtomicFileWriter(join(folder, "b.txt"));
  writer.write("be");
  assert.equal(existsSync(join(folder, "b.txt")), false);
  writer.write(new Uint8Array([33]));
  writer.commit();
  writer.abort();
  assert.equal(readFileSync(join(folder, "b.txt"), "utf8"), "be!");
  const dropped = new AtomicFileWriter(join(folder, "c.txt"));
  dropped.write("x");
  dropped.abort();
  assert.deepEqual(readdirSync(folder), ["b.txt"]);
  assert.throws(() => dropped.write("y"), /after commit or abort/);
});

test("StagedFolder: an occupied destination is refused and left alone; with overwrite, a folder of the same kind is replaced as a whole", (t) => {
  const folder = temporaryFolder(t);
  const destination = join(folder, "set");
  mkdirSync(destination);
  writeFileSync(join(destination, "labels.csv"), "somebody's");
  for (const overwrite of [false, true])
    assert.throws(() => new StagedFolder(destination, "slices", overwrite), FolderError);
  markFolder(destination, "slices");
  assert.throws(() => new StagedFolder(destination, "slices", false), /not empty.*--overwrite/);
  assert.throws(
    () => new StagedFolder(destination, "scans", true),
    /is a folder of slices, not a folder of generated/,
  );
  const aborted = new StagedFolder(destination, "slices", true);
  writeFileSync(join(aborted.path, "new"), "");
  aborted.abort();
  assert.deepEqual(readdirSync(destination), [".slicestack", "labels.csv"]);
  const staged = new StagedFolder(destination, "slices", true);
  writeFileSync(join(staged.path, "new"), "");
  staged.commit();
  staged.abort();
  assert.deepEqual(readdirSync(destination), [".slicestack", "new"]);
  assert.deepEqual(readdirSync(folder), ["set"]);
});

test("a file system that cannot sync a folder: the file is written anyway; a broken disk is an error", (t) => {
  const folder = temporaryFolder(t);
  const refusing = (code: string) => {
    const refused = t.mock.method(fs, "fsyncSync", (descriptor: number) => {
      if (fs.fstatSync(descriptor).isDirectory()) throw Object.assign(new Error(`${code}: fsync`), { code });
    });
    syncBuiltinESMExports();
    return () => (refused.mock.restore(), syncBuiltinESMExports());
  };
  for (const code of ["EINVAL", "ENOTSUP", "EPERM", "EBADF"]) {
    const restore = refusing(code);
    try {
      writeFileAtomic(join(folder, code), code);
    } finally {
      restore();
    }
    assert.equal(readFileSync(join(folder, code), "utf8"), code);
  }
  const restore = refusing("EIO");
  try {
    assert.throws(() => writeFileAtomic(join(folder, "EIO"), "x"), /EIO/);
  } finally {
    restore();
  }
});

test("makeFolder creates what is missing, takes what is there, and ends below a folder that takes none", (t) => {
  const folder = temporaryFolder(t);
  makeFolder(join(folder, "a/b/c"));
  makeFolder(join(folder, "a/b/c"));
  assert.deepEqual(readdirSync(join(folder, "a/b")), ["c"]);
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => makeFolder(join(folder, "file/x")), { code: "ENOTDIR" });
  assert.throws(() => makeFolder(join(folder, "file")), { code: "EEXIST" });
  // Node's recursive mkdir never returns there.
  if (existsSync("/proc/self"))
    assert.throws(() => claimFolder("/proc/nothing/run", "run"), { code: "ENOENT" });
});

test("a scored run and a scored group contain only files that we write; a note among them belongs to the user", (t) => {
  const folder = temporaryFolder(t);
  for (const [kind, names] of [
    [
      "run",
      [
        "run.json",
        "checksums.json",
        "metrics.jsonl",
        "metrics.json",
        "events.out.tfevents.1",
        "ablation-val.csv",
      ],
    ],
    [
      "group",
      [
        "group.json",
        "checksums.json",
        "config.yaml",
        "split.json",
        "metrics.json",
        "report.html",
        "fold0-seed7",
      ],
    ],
  ] as const) {
    const artefact = join(folder, kind);
    mkdirSync(artefact);
    markFolder(artefact, kind);
    for (const name of names) writeFileSync(join(artefact, name), "");
    refuseOccupied(artefact, kind, true);
    writeFileSync(join(artefact, "notes.txt"), "");
    assert.throws(
      () => refuseOccupied(artefact, kind, true),
      /also contains notes\.txt\. Move them away first/,
    );
  }
});

test("with overwrite, neither a device nor a file of a run or of a data set is replaced by a result", (t) => {
  const folder = temporaryFolder(t);
  const run = join(folder, "run");
  claimFolder(run, "run");
  mkdirSync(join(run, "checkpoints/slice"), { recursive: true });
  const write = (name: string) => writeFileSync(join(folder, name), "");
  for (const name of ["mine.onnx", "run/run.json", "run/checkpoints/slice/best.safetensors", "run/mine.onnx"])
    write(name);
  for (const name of ["run/run.json", "run/checkpoints/slice/best.safetensors"])
    assert.throws(
      () => refuseExistingFile(join(folder, name), true),
      /is a part of a run\. Choose another name\./,
    );
  for (const name of ["mine.onnx", "run/mine.onnx", "new.onnx"]) refuseExistingFile(join(folder, name), true);
  for (const device of ["/dev/null", "/dev/zero"])
    assert.throws(
      () => refuseExistingFile(device, true),
      /expected a file, found a device, a pipe or a socket/,
    );
  symlinkSync("/dev/null", join(folder, "link.onnx"));
  assert.throws(() => refuseExistingFile(join(folder, "link.onnx"), true), /found a device/);
});

test("an empty mark, as a full disk leaves it, is written again; a whole one stays", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, FOLDER_MARK), "");
  claimFolder(folder, "web");
  writeFileSync(join(folder, "index.html"), "");
  assert.equal(readFileSync(join(folder, FOLDER_MARK), "utf8"), markText("web"));
  refuseForeign(folder, "web");
  assert.throws(() => claimFolder(folder, "dicom"), /is a page for a web host/);
  assert.equal(readFileSync(join(folder, FOLDER_MARK), "utf8"), markText("web"));
});
