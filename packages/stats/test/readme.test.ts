import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../", import.meta.url));
const blocks = [...readFileSync(`${folder}README.md`, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code]) => code!,
);

/** What the comments behind `console.log(...);` say that it prints. */
const promised = (code: string) =>
  [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);

test("the readme has ten examples, and each prints something", () => {
  assert.equal(blocks.length, 10);
  for (const code of blocks) assert.ok(promised(code).length > 0, code);
});

for (const [i, code] of blocks.entries()) {
  const names = /import \{ (.*?) \}/.exec(code)?.[1];
  test(`example ${i + 1} of the readme prints what it says (${names})`, () => {
    // The package can import itself by name from its own folder.
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", code], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.deepEqual(printed.trimEnd().split("\n"), promised(code));
  });
}
