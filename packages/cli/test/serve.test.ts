/** slicestack serve, as a user starts and stops it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { before, test } from "node:test";
import { generatePhantoms } from "@slicestack/pipeline";
import { bin, CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...names: string[]) => join(folder.path, ...names);

before(async () => {
  await generatePhantoms({ destination: at("scans"), counts: [5, 5, 0, 0, 0], seed: 4, size: 32 });
  folder.succeed("prepare", "scans", "set", "--size", "32,32", "--depth", "6");
  folder.succeed("split", "set");
  writeFileSync(at("quick.yaml"), "threads: 1\nslice: {model: slice_cnn, epochs: 1}\n");
  folder.succeed("train", "--config", "quick.yaml", "--data", "set", "--out", "run");
  folder.succeed("evaluate", "run", "--no-images");
  folder.succeed("export", "run", "lung.slicestack", "--to", "bundle", "--licence", "CC BY 4.0");
});

test("serve answers with what predict prints, for a run and a bundle; SIGHUP reads again, SIGTERM ends with 0", async () => {
  const args = ["serve", "first=run", "lung.slicestack", "--port", "0", "--threads", "1", "--json"];
  const child = spawn(bin, args, folder.options);
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { url, models } = JSON.parse(line) as { url: string; models: { name: string; sha256: string }[] };
  assert.deepEqual(
    models.map(({ name }) => name),
    ["first", "lung"],
  );
  assert.equal(models[0]!.sha256, models[1]!.sha256);
  const expected = JSON.parse(folder.succeed("predict", "run", "scans/0001.nii.gz", "--json")) as {
    probabilities: object;
  };
  const upload = () =>
    fetch(`${url}/v1/predictions?model=lung`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream", prefer: "wait=60" },
      body: new Uint8Array(readFileSync(at("scans", "0001.nii.gz"))),
    });
  const { results } = (await (await upload()).json()) as { results: { probabilities: object }[] };
  assert.deepEqual(results[0]!.probabilities, expected.probabilities);
  child.kill("SIGHUP");
  while (!errors.join("").includes('"reloaded"')) await once(child.stderr, "data");
  assert.equal((await upload()).status, 200);
  child.kill("SIGTERM");
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 0, errors.join(""));
  assert.match(errors.at(-1)!, /Stopped: /);
});

test("serve: what cannot work is refused before a port is opened", () => {
  const refused = (status: number, message: RegExp, ...args: string[]) => {
    const result = folder.run("serve", ...args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, message);
  };
  refused(2, /--tokens FILE/, "run", "--host", "0.0.0.0");
  refused(2, /Two models would be served as run/, "run", "other/run");
  refused(3, /nothing/, "nothing");
  refused(3, /is a run, not the data of a server/, "run", "--data", "run");
  refused(2, /port from 0 to 65535/, "run", "--port", "70000");
});
