/** The scripts of examples/orthanc in a real Orthanc: a series goes in, and its report is there without a hand. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Prediction } from "../src/index.js";
import { freePort, Orthanc, pythonPlugin, skipOrthanc, skipOrthancPython, writeCt } from "./archive.js";
import { scratch, started, trainedModel, type Client, type Trained } from "./support.js";

const scripts = join(import.meta.dirname, "../../../../examples/orthanc");
const study = "1.2.826.0.1.8";
const chest = { study, series: `${study}.1`, slices: 12, size: 48 };

let trained: Trained;
before(async () => {
  if (skipOrthanc === false) trained = await trainedModel(scratch());
});

test("the script in Lua", { skip: skipOrthanc }, (t) =>
  roundTrip(t, "lua", { settings: { LuaScripts: [join(scripts, "slicestack.lua")] } }),
);

test("the plug-in in Python", { skip: skipOrthancPython }, (t) =>
  roundTrip(t, "python", {
    plugins: [pythonPlugin],
    settings: { PythonScript: join(scripts, "slicestack_plugin.py") },
  }),
);

type Configuration = NonNullable<Parameters<typeof Orthanc.start>[1]>;

async function roundTrip(
  t: TestContext,
  name: string,
  { plugins = [], settings }: Configuration,
): Promise<void> {
  const port = await freePort();
  const Slicestack = {
    Url: `http://127.0.0.1:${port}`,
    Pacs: "orthanc",
    Query: "model=small&sendTo=orthanc",
  };
  const orthanc = await Orthanc.start(join(trained.folder, `orthanc-${name}`), {
    plugins,
    settings: { ...settings, StableAge: 1, Slicestack },
  });
  t.after(() => orthanc[Symbol.asyncDispose]());
  process.env["SCRIPTED_LOGIN"] = orthanc.credentials;
  const pacs = join(trained.folder, `${name}.yaml`);
  writeFileSync(pacs, `orthanc: {url: ${orthanc.root}, login: SCRIPTED_LOGIN}\n`);
  const { client } = await started(trained, { port, pacs, pacsBackOff: 200 });
  for (const file of writeCt(join(trained.folder, name), chest)) await orthanc.store(file);
  await until(`a report, by ${name}`, async () => (await modalities(orthanc)).join() === "CT,OT,SR");
  await until("the delivery to end", async () => (await newest(client)).deliveries[0]?.state === "delivered");
  await until("all series to be stable", async () =>
    (await orthanc.get<{ IsStable: boolean }[]>("/series?expand")).every(({ IsStable }) => IsStable),
  );
  await wait(1500); // for what the stable results might set off
  const all = await client.get<Prediction[]>("/v1/predictions");
  assert.deepEqual([all.length, all[0]!.state], [1, "done"], "the results have triggered nothing");
}

const newest = async (client: Client) => (await client.get<Prediction[]>("/v1/predictions"))[0]!;

const modalities = async (orthanc: Orthanc): Promise<string[]> =>
  (await orthanc.get<{ MainDicomTags: Record<string, string> }[]>("/series?expand"))
    .map(({ MainDicomTags }) => MainDicomTags["Modality"]!)
    .sort();

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let k = 0; k < 900; k++) {
    if (await isSo()) return;
    await wait(100);
  }
  throw new Error(`waited in vain for ${what}`);
}
