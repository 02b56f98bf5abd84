import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PLAIN_KEYS } from "../src/overrides.js";

const packageRoot = join(import.meta.dirname, "../..");
const configs = join(packageRoot, "../../configs");
const folder = mkdtempSync(join(tmpdir(), "slicestack-cli-"));
after(() => rmSync(folder, { recursive: true }));

function slicestack(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(packageRoot, "bin/slicestack.js"), ...args],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  return { status, stdout, stderr };
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

test("every command has --help with an example, --json and its exit codes; unknown commands and options are 2", () => {
  const help = slicestack("--help");
  assert.equal(help.status, 0);
  for (const command of ["demo", "prepare", "split", "train", "evaluate", "models", "doctor"]) {
    assert.match(help.stdout, new RegExp(`^  ${command} `, "m"));
    const own = slicestack(command, "--help");
    assert.equal(own.status, 0, command);
    for (const part of [/--json/, /Examples?:\n {2}\$ slicestack /, /Exit codes:\n {2}0 /])
      assert.match(own.stdout, part);
  }
  assert.equal(slicestack().status, 0);
  assert.match(slicestack("--version").stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(slicestack("trian").status, 2);
  assert.match(slicestack("trian").stderr, /Did you mean train\?/);
  assert.equal(slicestack("train", "--outt", "x").status, 2);
  assert.equal(slicestack("prepare", "only-one").status, 2);
  assert.equal(slicestack("prepare", "a", "b", "--size", "big").status, 2);
  assert.equal(slicestack("split", "a", "--fractions", "0.5,0.5").status, 2);
  assert.equal(slicestack("train", "--stage", "third").status, 2);
});

test("train --print-config needs no data: defaults < file < flags, and its output is a configuration again", () => {
  const config = join(configs, "lidc_nodules.yaml");
  const printed = slicestack(
    "train",
    "--config",
    config,
    "--print-config",
    "--slice.epochs",
    "3",
    "--set",
    "head.model=max",
    "--seed=9",
  );
  assert.equal(printed.status, 0, printed.stderr);
  assert.match(printed.stdout, /^slice:\n {2}model: resnet18\n[^]*?epochs: 3\n/m);
  const again = slicestack("train", "--config", file("printed.yaml", printed.stdout), "--print-config");
  assert.equal(again.stdout, printed.stdout);
  const json = JSON.parse(slicestack("train", "--print-config", "--json").stdout) as {
    config: Record<string, unknown>;
  };
  const plain = Object.keys(json.config).filter(
    (key) => json.config[key] === null || typeof json.config[key] !== "object",
  );
  assert.deepEqual(plain.sort(), [...PLAIN_KEYS].sort());
});

test("a wrong configuration is exit code 2 with file, line, column and the nearest key, and no stack", () => {
  const config = file("typo.yaml", "slice:\n  learning_rat: 0.1\n");
  const { status, stdout, stderr } = slicestack("train", "--config", config, "--data", "x");
  assert.deepEqual([status, stdout], [2, ""]);
  assert.equal(
    stderr,
    "slicestack train: typo.yaml:2:3: unknown key slice.learning_rat; did you mean slice.learning_rate?\n",
  );
  assert.match(slicestack("train", "--config", config, "--data", "x", "--verbose").stderr, /\n +at /);
  const flag = slicestack("train", "--print-config", "--slice.epochs", "many");
  assert.deepEqual(
    [flag.status, flag.stderr.startsWith("slicestack train: --slice.epochs: expected")],
    [2, true],
  );
  const json = slicestack("train", "--config", config, "--data", "x", "--json");
  const { error } = JSON.parse(json.stdout) as { error: { name: string; exitCode: number } };
  assert.deepEqual([error.name, error.exitCode], ["ConfigError", 2]);
});

test("train says what is missing: a configuration, data, a run to go on in", () => {
  const config = file("ok.yaml", "seed: 1\n");
  const cases: [string[], RegExp][] = [
    [["train"], /needs --data FOLDER.*without --config it plans a configuration/],
    [["train", "--config", config], /needs --data FOLDER/],
    [["train", "--config", config, "--resume"], /--resume needs the run folder/],
    [["train", "--resume", "no-run"], /no-run is not a run folder/],
    [["train", "--resume", "a", "--out", "b"], /two folders/],
    [["train", "--slice.epochs"], /--slice\.epochs: expected a value/],
    [["train", "--set", "epochs"], /expected KEY=VALUE/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = slicestack(...args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, message);
  }
});

test("missing data is exit code 3 for split, train and evaluate", () => {
  const config = file("ok.yaml", "seed: 1\n");
  for (const args of [
    ["split", "absent"],
    ["train", "--config", config, "--data", "absent"],
    ["evaluate", "absent"],
  ]) {
    const { status, stderr } = slicestack(...args);
    assert.equal(status, 3, `${args.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stderr, /\n +at /);
  }
});

test("doctor prints marks, or JSON with a status for each check; its code is 0, 1 or 5 as they say", () => {
  const text = slicestack("doctor");
  assert.match(text.stdout, /^[✓!✗] libtorch /m);
  const { status, stdout } = slicestack("doctor", "--json");
  const diagnosis = JSON.parse(stdout) as {
    status: string;
    libtorchFound: boolean;
    checks: { status: string }[];
  };
  const expected = !diagnosis.libtorchFound ? 5 : diagnosis.status === "fail" ? 1 : 0;
  assert.deepEqual([status, text.status], [expected, expected]);
  assert.ok(diagnosis.checks.every((check) => ["ok", "warn", "fail"].includes(check.status)));
});

test("without a build the bin says in one line what to run", () => {
  const bin = join(folder, "unbuilt/bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(folder, "unbuilt/package.json"), '{"type":"module"}');
  copyFileSync(join(packageRoot, "bin/slicestack.js"), join(bin, "slicestack.js"));
  const { status, stderr } = spawnSync(process.execPath, [join(bin, "slicestack.js")], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /^slicestack is not built yet: run `make build`[^\n]*\n$/);
});

test("a plug-in that never finishes loading, or exits, does not end the command in silence", () => {
  for (const text of ["await new Promise(() => {});", "process.exit(0);"]) {
    writeFileSync(join(folder, "ends.mjs"), text);
    const { status, stdout, stderr } = slicestack("train", "--set", "plugins=[./ends.mjs]", "--print-config");
    assert.deepEqual([status, stdout], [1, ""], text);
    assert.match(stderr, /^slicestack: the process ended before its command did\. .*plug-ins.*\n$/);
  }
});

test("a limit of open files under which not even the command's modules can be read is one line with the remedy", () => {
  for (const files of [24, 30, 40, 100, 150]) {
    const script = `ulimit -n ${files}; exec "$0" "$@"`;
    const args = ["-c", script, process.execPath, join(packageRoot, "bin/slicestack.js"), "models"];
    const { status, stdout, stderr } = spawnSync("bash", args, { cwd: folder, encoding: "utf8" });
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.equal(
      stderr,
      "slicestack: this process may open too few files (EMFILE). Raise the limit: ulimit -n 4096\n",
    );
  }
});
