/** Which files a plug-in consists of, and how a run names it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { ConfigError } from "../../src/config/errors.js";
import { resolvePlugin } from "../../src/config/plugins.js";
import {
  filesOfPlugin,
  findStoredPlugin,
  hashOfPlugin,
  storedPlugin,
} from "../../src/config/plugin-files.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "slicestack-plugin-files-")));
after(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

test("a module that names no other file has the hash of its text, as runs of earlier versions hold it", () => {
  const file = write(
    "alone.mjs",
    'import { z } from "@slicestack/pipeline/plugins";\nimport "./gone.mjs";\n',
  );
  assert.equal(hashOfPlugin(file), createHash("sha256").update(readFileSync(file)).digest("hex"));
});

test("every file that a plug-in names is part of it: imports of any kind, data, and what those import", () => {
  const plugin = write(
    "graph/plugin.mjs",
    `import a from "./a.mjs";
     export * from './lib/b.js?version=1';
     const c = await import(\`./c.mjs\`);
     const table = readFileSync(new URL("./table.json", import.meta.url));
     /* import "./commented.mjs" */
     import "node:fs"; import "./folder"; import "zod";`,
  );
  write("graph/a.mjs", 'import "./plugin.mjs"; export { default } from "../shared.cjs";');
  write("graph/lib/b.js", "export const regular = /[\"'`]/;");
  write("graph/c.mjs", "export {};");
  write("graph/table.json", '{ "./table.csv": 1 }');
  write("graph/table.csv", "");
  write("graph/commented.mjs", "");
  write("graph/folder/readme", "");
  write("shared.cjs", 'module.exports = require("./deep");');
  write("deep.js", "module.exports = 1;");
  const files = filesOfPlugin(plugin).map((file) => relative(folder, file));
  assert.equal(files[0], "graph/plugin.mjs");
  const others = [
    "deep.js",
    "graph/a.mjs",
    "graph/c.mjs",
    "graph/commented.mjs",
    "graph/lib/b.js",
    "graph/table.json",
  ];
  assert.deepEqual(files.slice(1).sort(), [...others, "shared.cjs"]);

  const before = hashOfPlugin(plugin);
  assert.match(before, /^[0-9a-f]{64}$/);
  for (const changed of [...others, "shared.cjs"]) {
    const text = readFileSync(join(folder, changed), "utf8");
    write(changed, `${text} `);
    assert.notEqual(hashOfPlugin(plugin), before, changed);
    write(changed, text);
  }
  assert.equal(hashOfPlugin(plugin), before);
  renameSync(folder, `${folder}-moved`);
  try {
    assert.equal(hashOfPlugin(plugin.replace(folder, `${folder}-moved`)), before, "wherever the folder is");
  } finally {
    renameSync(`${folder}-moved`, folder);
  }
});

test("a run names a plug-in relative to itself, also through a link; an absolute path of an earlier version is kept", () => {
  const plugin = write("place/plugin.mjs", "");
  mkdirSync(join(folder, "place/runs/a"), { recursive: true });
  const run = join(folder, "place/runs/a");
  assert.equal(storedPlugin(plugin, run), "../../plugin.mjs");
  assert.equal(storedPlugin(plugin, dirname(plugin)), "./plugin.mjs");
  assert.equal(findStoredPlugin("../../plugin.mjs", run), plugin);
  symlinkSync(run, join(folder, "link"));
  assert.equal(storedPlugin(plugin, join(folder, "link")), "../../plugin.mjs");
  assert.equal(findStoredPlugin("../../plugin.mjs", join(folder, "link")), plugin);
  assert.equal(findStoredPlugin(plugin, run), plugin);
  assert.equal(findStoredPlugin("../../gone.mjs", run), join(folder, "place/gone.mjs"));
});

test("an entry that is neither a path nor the name of a package, and a damaged package, are refused in words", () => {
  for (const given of [
    "",
    ".",
    "..",
    "--global",
    "a b",
    "a; b",
    "a\nb",
    "http://localhost/x.mjs",
    "node:fs",
    "@/x",
    "a/../b",
  ])
    assert.throws(
      () => resolvePlugin(given, folder),
      (error: ConfigError) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(
          error.problems[0]!.message,
          `plugins: expected a path that begins with ./, ../ or /, or the name of a package; received the text ${JSON.stringify(given)}`,
        );
        return true;
      },
    );
  assert.throws(
    () => resolvePlugin("median", folder),
    /found none for median\. Correct the entry, or install it: npm install median\./,
  );
  for (const manifest of ["{", "[]", "null"]) {
    write("node_modules/median/package.json", manifest);
    assert.throws(
      () => resolvePlugin("median", folder),
      /plugins: expected .*package\.json to hold a JSON object/,
    );
  }
  write("node_modules/median/package.json", '{"main": "main.mjs"}');
  const file = write("node_modules/median/main.mjs", "");
  assert.equal(resolvePlugin("median", folder), file);
});
