/** `log.wandb` with the real SDK, against a server of the test that answers as that of Weights & Biases. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { EpochRow } from "../../src/train/metrics-log.js";
import { logEpochs } from "../../src/train/log/wandb.js";
import { runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "./support.js";

interface Seen {
  /** Variables of the mutation that begins a run. */
  begun: Record<string, string>[];
  /** Rows of wandb-history.jsonl. */
  rows: Record<string, number>[];
  path: string;
  authorization: string;
  complete: boolean;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text);
}

/** @param answers false: takes connections, and says nothing */
async function serve(t: TestContext, answers = true): Promise<{ seen: Seen; server: Server }> {
  const seen: Seen = { begun: [], rows: [], path: "", authorization: "", complete: false };
  const server = createServer((request, response) => {
    if (!answers) return;
    void bodyOf(request).then((body) => {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answer(request, body, seen)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  environment(t, { WANDB_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  return { seen, server };
}

function answer({ url = "", headers }: IncomingMessage, body: unknown, seen: Seen): unknown {
  if (url === "/graphql") {
    const { query, variables } = body as { query: string; variables: Record<string, string> };
    if (query.includes("viewer")) return { data: { viewer: { id: "1", entity: "clinic" } } };
    seen.begun.push(variables);
    seen.authorization = headers.authorization ?? "";
    return {
      data: {
        upsertBucket: { bucket: { id: "1", name: variables["name"], displayName: "shown" }, inserted: true },
      },
    };
  }
  const { files, complete } = body as { files?: Record<string, { content: string[] }>; complete?: boolean };
  seen.path = url;
  seen.complete ||= complete === true;
  const lines = files?.["wandb-history.jsonl"]?.content ?? [];
  seen.rows.push(...lines.map((line) => JSON.parse(line) as Record<string, number>));
  return {};
}

/** Set for the process that the SDK runs in, which inherits them. */
function environment(t: TestContext, values: Record<string, string>): void {
  const all: Record<string, string> = { WANDB_API_KEY: "k".repeat(40), HOME: tmpdir(), ...values };
  for (const [name, value] of Object.entries(all)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
  }
}

const row = (epoch: number): EpochRow => ({
  stage: "slice",
  epoch,
  step: epoch + 1,
  train_loss: 1 / (epoch + 1),
  gradient_norm: 1,
  val_loss: 0.5,
  val_accuracy: 0.5,
  val_balanced_accuracy: 0.5,
  val_macro_f1: 0.5,
  val_auroc: NaN,
  val_quadratic_kappa: 0,
  learning_rate: 0.001,
  seconds: 1,
});
const config = smallConfig({ "log.wandb": "true", "log.project": "scans" });

test("each epoch reaches the server, with the project, the name and the configuration of the run", async (t) => {
  const { seen } = await serve(t);
  const lines: string[] = [];
  {
    await using log = logEpochs(config, (line) => lines.push(line));
    for (let epoch = 0; epoch < 3; epoch++) log.row(row(epoch));
  }
  const [begun] = seen.begun;
  assert.deepEqual([begun?.["project"], begun?.["displayName"], seen.begun.length], ["scans", "small", 1]);
  assert.equal((JSON.parse(begun!["config"]!) as { slice: { batch_size: number } }).slice.batch_size, 16);
  assert.equal(seen.authorization, `Basic ${Buffer.from(`api:${"k".repeat(40)}`).toString("base64")}`);
  assert.match(seen.path, /^\/files\/.*\/scans\/.*\/file_stream$/);
  assert.deepEqual(
    seen.rows.map((one) => [one["slice/epoch"], one["slice/train_loss"]]),
    [
      [0, 1],
      [1, 1 / 2],
      [2, 1 / 3],
    ],
  );
  assert.ok(
    seen.rows.every((one) => !("slice/val_auroc" in one)),
    "what is not a number is left out",
  );
  assert.ok(seen.complete);
  assert.match(lines.join("\n"), /^Weights & Biases: http:\/\/127\.0\.0\.1:\d+\/.*\/scans\/runs\/\w+$/);
});

test("it is off by default: no process, no request", async (t) => {
  const { seen } = await serve(t);
  {
    await using log = logEpochs(smallConfig(), () => assert.fail("nothing to say"));
    log.row(row(0));
  }
  assert.deepEqual([seen.begun.length, seen.path], [0, ""]);
});

const failures: [
  what: string,
  prepare: (t: TestContext) => Promise<void> | void,
  said: RegExp,
  wait?: number,
][] = [
  [
    "no key",
    (t) => environment(t, { WANDB_API_KEY: "", HOME: "/nowhere", WANDB_BASE_URL: "http://127.0.0.1:9" }),
    /API key/,
  ],
  [
    "no server",
    (t) => environment(t, { WANDB_BASE_URL: "http://127.0.0.1:9" }),
    /entity|upsert|ECONNREFUSED|ended early/i,
  ],
  [
    "a server that never answers",
    async (t) => void (await serve(t, false)),
    /not all data could be sent within 1 s/,
    1000,
  ],
];
for (const [what, prepare, said, wait] of failures) {
  test(`${what}: one line is logged, and nothing is thrown`, async (t) => {
    await prepare(t);
    const lines: string[] = [];
    {
      await using log = logEpochs(config, (line) => lines.push(line), wait);
      log.row(row(0));
      log.row(row(1));
    }
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0]!, said);
    assert.match(lines[0]!, /The run continues without it; metrics\.jsonl contains every epoch\.$/);
  });
}

test("train() logs each epoch of each stage, and writes the URL to run.log", async (t) => {
  const { seen } = await serve(t);
  const folder = scratch();
  const data = await smallDataset(folder);
  const out = join(folder, "run");
  const short = { "slice.epochs": "1", "head.epochs": "2", "log.wandb": "true" };
  const { status } = await train({ config: smallConfig(short), data, out });
  assert.equal(status, "finished");
  const loggedEpochs = seen.rows.map((one) => Object.keys(one).find((name) => name.endsWith("/epoch")));
  assert.deepEqual(loggedEpochs, ["slice/epoch", "volume/epoch", "volume/epoch"]);
  assert.match(readFileSync(runPaths(out).log, "utf8"), /Weights & Biases: http/);
  // Where a run is logged does not affect training, so that a resume may change it.
  assert.equal(
    (await train({ config: smallConfig({ ...short, "log.wandb": "false" }), data, out, resume: true }))
      .status,
    "finished",
  );
});
