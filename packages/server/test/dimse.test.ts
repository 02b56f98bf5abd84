/** dcmtk's storescu sends a series by C-STORE, and it is predicted; who and what may not be sent is refused. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Predictor } from "@slicestack/pipeline";
import { PduGuard } from "../src/dimse/pdu-guard.js";
import { serve, type Prediction, type Server } from "../src/index.js";
import { writeCt } from "./archive.js";
import { associationPdu, fragmentPdu, storePdus } from "./dimse-pdus.js";
import { scratch, started, trainedModel, type Client, type Trained } from "./support.js";

const skip =
  spawnSync("storescu", ["--version"]).error === undefined ? false : "dcmtk is not installed (storescu)";
const study = "1.2.826.0.1.9";
/** A series never becomes complete by itself. */
const dimse = { port: 0, from: ["SCANNER"], quiet: 3_600_000, maxObject: 20_000 };

let trained: Trained;
let server: Server;
let client: Client;
let data = "";
let files: string[] = [];

before(async () => {
  if (skip !== false) return;
  trained = await trainedModel(scratch());
  ({ server, client, data } = await started(trained, { dimse }));
  files = writeCt(join(trained.folder, "ct"), { study, series: `${study}.1`, slices: 12, size: 48 });
});

/** Runs beside this process, which receives. */
async function run(
  command: string,
  args: readonly string[],
): Promise<{ status: number | null; text: string }> {
  const child = spawn(command, args);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (piece: Buffer) => (text += piece.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, text };
}

function send(paths: readonly string[], { from = "SCANNER", to = "SLICESTACK", more = [] as string[] } = {}) {
  return run("storescu", [
    "-aet",
    from,
    "-aec",
    to,
    ...more,
    "127.0.0.1",
    String(server.dimsePort),
    ...paths,
  ]);
}

async function predictions(count: number): Promise<Prediction[]> {
  for (let k = 0; k < 3000; k++) {
    const all = await client.get<Prediction[]>("/v1/predictions");
    if (all.length === count && all.every(({ ended }) => ended !== null)) return all;
    await wait(100);
  }
  throw new Error("waited in vain for a prediction");
}

test(
  "a series in two associations is one prediction, also after a restart before it is complete",
  { skip },
  async () => {
    assert.equal((await send(files.slice(0, 7))).status, 0);
    assert.equal((await send(files.slice(5))).status, 0); // two objects arrive twice
    const [series] = readdirSync(join(data, "incoming", "series"));
    assert.equal(readdirSync(join(data, "incoming", "series", series!)).length, 12);
    assert.deepEqual(await client.get("/v1/predictions"), [], "it is not complete yet");
    await server.close();
    ({ server, client } = await started(trained, { data, dimse: { ...dimse, quiet: 200 } }));
    const [prediction] = await predictions(1);
    const { results } = await client.get<Prediction>(`/v1/predictions/${prediction!.id}`);
    using model = await Predictor.open(trained.run, { threads: 1 });
    const [expected] = await model.predict(join(trained.folder, "ct"), { jobs: 1 });
    assert.deepEqual(results![0]!.probabilities, expected!.probabilities);
    for (const folder of ["objects", "series"])
      assert.deepEqual(readdirSync(join(data, "incoming", folder)), []);
  },
);

test(
  "C-ECHO is answered; other titles, too large objects and strange classes are refused",
  { skip },
  async () => {
    const address = ["127.0.0.1", String(server.dimsePort)];
    const echo = await run("echoscu", ["-aet", "SCANNER", "-aec", "SLICESTACK", ...address]);
    assert.equal(echo.status, 0);
    assert.match((await send(files, { from: "STRANGER" })).text, /Calling AE Title Not Recognized/);
    assert.match((await send(files, { to: "ELSEWHERE" })).text, /Called AE Title Not Recognized/);
    const [large] = writeCt(join(trained.folder, "large"), {
      study,
      series: `${study}.2`,
      slices: 1,
      size: 128,
    });
    assert.match((await send([large!], { more: ["-v"] })).text, /Out of Resources|OutOfResources|0xa700/i);
    assert.deepEqual(readdirSync(join(data, "incoming", "objects")), []);
    assert.equal(readdirSync(join(data, "incoming", "series")).length, 0);
    assert.equal((await client.get<Prediction[]>("/v1/predictions")).length, 1);
  },
);

test("a connection that is cut leaves nothing; noise and endless PDUs end it", { skip }, async () => {
  const ended = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connect(server.dimsePort!, "127.0.0.1", () => socket.write(bytes));
      socket.on("close", () => resolve()).on("error", () => undefined);
    });
  await ended(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  await ended(Buffer.from([1, 0, 0xff, 0xff, 0xff, 0xff, 0, 1]));
  assert.equal((await send(files.slice(0, 1))).status, 0, "it goes on");
});

test(
  "what follows a refused association is not stored; a sender that does not wait ends its connection alone",
  { skip },
  async () => {
    const [command, dataSet] = storePdus(readFileSync(files[3]!));
    const listed = associationPdu("SCANNER", "SLICESTACK");
    const endless = new Array<Buffer>(5).fill(fragmentPdu(Buffer.alloc(2 ** 20 - 100), 0));
    for (const [what, ...pdus] of [
      ["a stranger", associationPdu("STRANGER", "SLICESTACK"), command, dataSet],
      ["no association", command, dataSet],
      ["more data than the last fragment", listed, command, dataSet, dataSet],
      ["more than is collected in memory", listed, ...endless],
    ] as const)
      assert.equal(isStored(await answersOf(Buffer.concat(pdus))), false, what);
    const echo = await run("echoscu", [...TITLES, "127.0.0.1", String(server.dimsePort)]);
    assert.equal(echo.status, 0, "it goes on");
    const answer = await answersOf(Buffer.concat([listed, command, dataSet]), 5000);
    assert.ok(isStored(answer), "the same from a sender that is listed");
    assert.deepEqual(readdirSync(join(data, "incoming", "objects")), []);
  },
);

const TITLES = ["-aet", "SCANNER", "-aec", "SLICESTACK"];

/** Whether an answer holds the status of success (0000,0900). */
const isStored = (answer: Buffer): boolean => answer.includes(Buffer.from([0, 0, 0, 9, 2, 0, 0, 0, 0, 0]));

/** What the server answers until it closes the connection, or for so many milliseconds. */
async function answersOf(bytes: Buffer, patience?: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const socket = connect(server.dimsePort!, "127.0.0.1", () => socket.write(bytes));
  socket.on("data", (piece: Buffer) => pieces.push(piece)).on("error", () => undefined);
  const closed = new Promise((resolve) => void socket.once("close", resolve));
  await (patience === undefined ? closed : wait(patience));
  socket.destroy();
  await closed;
  return Buffer.concat(pieces);
}

test("a receiver needs the titles that may send, and a model", async () => {
  const options = { models: new Map([["small", "run"]]), data: "nowhere" };
  await assert.rejects(serve({ ...options, dimse: { port: 0, from: [] } }), /--dimse-from/);
  await assert.rejects(serve({ ...options, dimse: { port: 0, from: ["A\\B"] } }), /not an AE title/);
  await assert.rejects(serve({ ...options, dimse: { port: 0, from: ["A"], model: "x" } }), /--dimse-model/);
  await assert.rejects(serve({ ...options, dimse: { port: 0, from: ["A"], sendTo: ["x"] } }), /--pacs/);
});

test("the lengths of PDUs are followed across pieces of any size", () => {
  const pdu = (length: number) => {
    const bytes = Buffer.alloc(6 + length);
    bytes[0] = 4;
    bytes.writeUInt32BE(length, 2);
    return bytes;
  };
  const stream = Buffer.concat([pdu(10), pdu(0), pdu(100), pdu(3)]);
  for (const step of [1, 2, 5, 7, 1000]) {
    const guard = new PduGuard(100);
    for (let at = 0; at < stream.length; at += step) assert.ok(guard.accepts(stream.subarray(at, at + step)));
    assert.equal(guard.accepts(pdu(101).subarray(0, 6)), false);
  }
});
