/** Names from files on a terminal. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { printable, printableJson } from "../src/printable.js";
import { CommandFolder } from "./command.js";

test("control and direction characters are written out; text, line breaks and a preview's colours stay", () => {
  assert.equal(printable("a\u001b[2Jb\u0007\u009b31m\u202egpj.exe"), "a\\x1b[2Jb\\x07\\x9b31m\\u202egpj.exe");
  assert.equal(printable("Müller\tCT-0\n漢字 −1"), "Müller\tCT-0\n漢字 −1");
  const colour = "\u001b[38;2;1;2;3;48;2;4;5;6m▀\u001b[0m";
  assert.equal(printable(colour), colour);
  const value = { id: "a\u009b31m\u202eb" };
  assert.match(printableJson(value), /^[\x20-\x7e]+$/);
  assert.deepEqual(JSON.parse(printableJson(value)), value);
});

test("what takes no room is written out, so that two names do not look alike; the list costs no start-up", () => {
  assert.equal(printable("sick\u200b\ufeff, a\u00adb\u2028c"), "sick\\u200b\\ufeff, a\\xadb\\u2028c");
  const module = readFileSync(
    fileURLToPath(import.meta.resolve("@slicestack/pipeline/internal/visible")),
    "utf8",
  );
  assert.ok(!/^import\b/m.test(module), "it imports something");
});

test("an error names a file with an escape sequence, and the terminal does not obey it", () => {
  const folder = new CommandFolder();
  writeFileSync(join(folder.path, "bad.yaml"), 'name: "a\\x1b[2Jb"\n');
  const { status, stderr, stdout } = folder.run("train", "--config", "bad.yaml", "--print-config");
  assert.equal(status, 2, stderr);
  // eslint-disable-next-line no-control-regex
  assert.ok(!/\u001b/.test(stderr + stdout), stderr);
  assert.match(stderr, /name: expected a text without slashes and control characters/);
});
