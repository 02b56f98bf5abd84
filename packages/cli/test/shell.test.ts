import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { asStarted, pathWord, shellWord, shownPath } from "../src/shell.js";

test("a remedy is shown as the program was started: with npx, or by its name alone", () => {
  const remedy =
    "Go on with: slicestack train --resume runs/a   or npx slicestack runs; see /opt/slicestack train";
  assert.equal(asStarted(remedy, {}), remedy);
  assert.equal(
    asStarted(remedy, { npm_command: "exec" }),
    "Go on with: npx slicestack train --resume runs/a   or npx slicestack runs; see /opt/slicestack train",
  );
});

test("a word of a command is what bash reads back, whatever it holds", () => {
  assert.equal(shellWord("runs/a-1"), "runs/a-1");
  for (const word of ["my run", "it's", 'a"b', "$HOME", "a\nb'\\c", "\u001b[31m", "50%#!", "é", ""]) {
    const { stdout } = spawnSync("bash", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" });
    assert.equal(stdout, word);
    // eslint-disable-next-line no-control-regex -- nothing that a terminal would act on
    assert.doesNotMatch(shellWord(word), /[\u0000-\u001f]/);
  }
});

test("a path below the current folder is shown as seen from there, and never reads as an option", () => {
  const here = process.cwd();
  assert.equal(shownPath(join(here, "runs/a")), "runs/a");
  assert.equal(shownPath(join(here, "..odd")), "..odd");
  assert.equal(shownPath(here), here);
  assert.equal(shownPath(join(here, "../beside")), join(here, "../beside"));
  assert.equal(shownPath("../beside"), "../beside");
  assert.equal(pathWord("-x"), "./-x");
  assert.equal(pathWord(join(here, "-my run")), "'./-my run'");
});
