/** scripts/setup.sh on machines of all kinds, each made of stub commands in a folder that is its whole PATH. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const bash = "/bin/bash";
const tools = ["bash", "cat", "cksum", "dirname", "env", "grep", "mkdir", "tail", "touch"];

/** A machine with Node, npm (which only records its calls) and the stub commands given: name -> body of a bash script. */
function machine(t, stubs) {
  const root = mkdtempSync(join(tmpdir(), "setup-"));
  t.after(() => rmSync(root, { recursive: true }));
  const bin = join(root, "bin");
  for (const folder of ["bin", "scripts", "node_modules"]) mkdirSync(join(root, folder));
  copyFileSync("scripts/setup.sh", join(root, "scripts/setup.sh"));
  writeFileSync(join(root, "package-lock.json"), "{}");
  symlinkSync(process.execPath, join(bin, "node"));
  for (const tool of tools)
    symlinkSync(["/usr/bin", "/bin"].map((folder) => join(folder, tool)).find(existsSync), join(bin, tool));
  const write = (name, body) => {
    writeFileSync(join(bin, name), `#!${bash}\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const [name, body] of Object.entries({ npm: "", ...stubs }))
    write(name, `echo "${name} $*" >> "${root}/calls"\n${body}`);
  return {
    bin,
    setUp: (purpose = "debian13", env = {}) => {
      const ended = spawnSync(bash, [join(root, "scripts/setup.sh"), purpose], {
        env: { PATH: bin, ...env },
        encoding: "utf8",
      });
      return { status: ended.status, out: ended.stdout, err: ended.stderr };
    },
    calls: () =>
      existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trimEnd().split("\n") : [],
  };
}

const asRoot = { id: "echo 0" };
const asUser = { id: "echo 1000" };
// Installs debootstrap by making the command appear in PATH, once `update` has been called.
const aptAfterUpdate = `case "$*" in
  *update) touch "$PATH/updated" ;;
  *install*) [ -e "$PATH/updated" ] || { echo "E: Unable to locate package"; exit 100; }; printf '#!${bash}\\n' > "$PATH/debootstrap"; chmod +x "$PATH/debootstrap" ;;
esac`;
const chmod = { chmod: '/bin/chmod "$@"' };

test("a fresh Debian: installs through apt, updating its lists only after the first try failed, then is up to date", (t) => {
  const { setUp, calls } = machine(t, { ...asRoot, ...chmod, "apt-get": aptAfterUpdate });
  const first = setUp();
  assert.equal(first.status, 0, first.err);
  assert.deepEqual(first.out.split("\n"), [
    "slicestack: system packages: installing debootstrap …",
    "slicestack: npm packages: installing …",
    "",
  ]);
  const options = "-o DPkg::Lock::Timeout=300";
  assert.deepEqual(
    calls().filter((call) => /^(apt-get|npm)/.test(call)),
    [
      `apt-get ${options} install -y --no-install-recommends debootstrap`,
      `apt-get ${options} update`,
      `apt-get ${options} install -y --no-install-recommends debootstrap`,
      "npm ci --ignore-scripts",
    ],
  );
  const second = setUp();
  assert.equal(second.out, "slicestack: system packages: up to date\nslicestack: npm packages: up to date\n");
});

test("an ordinary user: apt runs through sudo where sudo can", (t) => {
  const sudo = '[ "$1" = -n ] && exit 0; exec "$@"';
  const { setUp, calls } = machine(t, { ...asUser, ...chmod, sudo, "apt-get": aptAfterUpdate });
  assert.equal(setUp().status, 0);
  assert.match(calls().join("\n"), /^sudo env DEBIAN_FRONTEND=noninteractive apt-get .* install /m);
});

test("a user without rights: exit 1, and the line to hand to the administrator", (t) => {
  const { setUp, calls } = machine(t, { ...asUser, sudo: "exit 1", "apt-get": "exit 1" });
  const { status, err } = setUp();
  assert.equal(status, 1);
  assert.match(err, /missing debootstrap\n.*sudo apt-get install -y --no-install-recommends debootstrap/);
  assert.ok(!calls().some((call) => call.startsWith("npm")));
});

test("a system without apt: exit 1, with the lines for Fedora and macOS and the way to a libtorch", (t) => {
  const { status, err } = machine(t, asRoot).setUp();
  assert.equal(status, 1);
  for (const part of ["no apt-get", "Fedora: ", "macOS: ", "pip install 'torch<2.12'", "LIBTORCH="])
    assert.ok(err.includes(part), part);
});

test("setup looks for libtorch where the build looks: what is in one of those places is not installed again", () => {
  const roots = (file, list) => list.exec(readFileSync(file, "utf8"))[1].match(/\/[\w/]+/g);
  assert.deepEqual(
    roots("scripts/setup.sh", /^LIBTORCH_ROOTS=\((.*)\)$/m),
    roots("packages/torch/src/native/find.ts", /roots: \[(.*)\]/),
  );
});

test("apt that cannot deliver: exit 1, with the end of what it said", (t) => {
  const { setUp } = machine(t, { ...asRoot, "apt-get": 'echo "E: no network"; exit 100' });
  const { status, err } = setUp();
  assert.equal(status, 1);
  assert.match(err, /E: no network\n[^]*could not install debootstrap/);
});

test("npm that fails: exit 1, its words shown, and the next call tries again", (t) => {
  const { setUp, calls } = machine(t, { debootstrap: "", npm: 'echo "ERR! 404"; exit 1' });
  for (const setUpAgain of [setUp, setUp]) {
    const { status, err } = setUpAgain();
    assert.equal(status, 1);
    assert.match(err, /ERR! 404\n[^]*npm ci failed/);
  }
  assert.deepEqual(calls(), ["npm ci --ignore-scripts", "npm ci --ignore-scripts"]);
});

test("an old Node, none, and one without npm: exit 1 before anything is installed", (t) => {
  const old = machine(t, {});
  rmSync(join(old.bin, "node"));
  const none = old.setUp();
  assert.deepEqual([none.status, /none was found/.test(none.err)], [1, true]);
  writeFileSync(join(old.bin, "node"), `#!${bash}\n[ "$1" = --version ] && echo v18.20.0 || exit 1\n`);
  chmodSync(join(old.bin, "node"), 0o755);
  const { status, err } = old.setUp();
  assert.equal(status, 1);
  assert.match(err, /Node 20\.11 or newer is needed; this is v18\.20\.0/);
  // Debian 12's own Node is an old one without npm.
  rmSync(join(old.bin, "npm"));
  assert.match(old.setUp().err, /this is v18\.20\.0/);
  writeFileSync(join(old.bin, "node"), `#!${bash}\n[ "$1" = --version ] && echo v20.20.0; exit 0\n`);
  assert.match(old.setUp().err, /with npm; Node v20\.20\.0 was found, but no npm/);
  assert.deepEqual(old.calls(), []);
});
