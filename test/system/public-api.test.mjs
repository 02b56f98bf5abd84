/** The public names of every package are those of public-api.json; write it anew with UPDATE_API=1. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { entries, namesOf, readApi, unnamedTypes } from "./public-api.mjs";

const root = join(import.meta.dirname, "../..");
const file = join(import.meta.dirname, "public-api.json");
let api;
before(() => void (api = readApi(root)));

test("every package exports these names, and no others", () => {
  const names = namesOf(api);
  if (process.env.UPDATE_API !== undefined) writeFileSync(file, `${JSON.stringify(names, null, 2)}\n`);
  const stored = JSON.parse(readFileSync(file, "utf8"));
  assert.deepEqual(Object.keys(names), Object.keys(stored));
  for (const [module, { values, types }] of Object.entries(names)) {
    assert.deepEqual(values, stored[module].values, module);
    assert.deepEqual(types, stored[module].types, module);
  }
});

test("the names that the compiler sees are those that are there when a module is imported", async () => {
  for (const { name, file: declarations } of entries(root).filter(({ internal }) => !internal)) {
    const module = await import(declarations.replace(/\.d\.ts$/, ".js"));
    assert.deepEqual(Object.keys(module).sort(), namesOf(api)[name].values, name);
  }
});

test("a type that a public function or class mentions can be imported, too", () => {
  assert.deepEqual(unnamedTypes(api), []);
});

test("what is plumbing stays inside", () => {
  const names = namesOf(api)["@slicestack/pipeline"].values;
  const plumbing = [
    "sparkline",
    "PEER_LOST",
    "writeFileAtomic",
    "endWithLauncher",
    "launchProcesses",
    "explained",
  ];
  assert.deepEqual(
    plumbing.filter((name) => names.includes(name)),
    [],
  );
});

test("a type that nobody can import is found, and one of an internal module does not count", (t) => {
  const tree = mkdtempSync(join(tmpdir(), "public-api-"));
  t.after(() => rmSync(tree, { recursive: true }));
  const write = (path, text) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  const entry = (types) => ({ types, default: types.replace(/\.d\.ts$/, ".js") });
  const exported = { ".": entry("./dist/src/index.d.ts"), "./internal": entry("./dist/src/internal.d.ts") };
  write("packages/one/package.json", JSON.stringify({ name: "one", type: "module", exports: exported }));
  write(
    "packages/one/dist/src/hidden.d.ts",
    "export interface Hidden { a: 1 }\nexport interface Open { b: 2 }",
  );
  write(
    "packages/one/dist/src/index.d.ts",
    `import type { Hidden, Open } from "./hidden.js";
     export type { Open } from "./hidden.js";
     type Rows = number[][];
     export declare function f(a: Open, b: Map<string, Hidden>, rows: Rows): import("./hidden.js").Open;
     export declare class C { #hidden; private a: Hidden; protected b: Hidden; }`,
  );
  write("packages/one/dist/src/internal.d.ts", 'export declare const g: import("./hidden.js").Hidden;');
  const read = readApi(tree);
  assert.deepEqual(namesOf(read), { one: { values: ["C", "f"], types: ["Open"] } });
  assert.deepEqual(unnamedTypes(read), ["one: f > Hidden"]);
});
