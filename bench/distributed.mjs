/**
 * Measures milliseconds of collectives between two processes on this host, alternating with PyTorch's Gloo (peer_distributed.py).
 *
 *   node bench/distributed.mjs [--rounds 3] [--values 11000000]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as distributed from "../packages/torch/dist/src/distributed.js";
import * as torch from "../packages/torch/dist/src/index.js";
import { BatchNorm2d, SyncBatchNorm } from "../packages/torch/dist/src/nn/index.js";
import { median } from "./tools.mjs";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    values: { type: "string", default: "11000000" },
    rank: { type: "string" },
    port: { type: "string" },
  },
});
const VALUES = Number(options.values);

/** Median milliseconds; all ranks start each call together. */
function time(calls, body) {
  const times = Array.from({ length: calls + 2 }, () => {
    distributed.barrier();
    const started = performance.now();
    torch.scope(body);
    return performance.now() - started;
  });
  return median(times.slice(2));
}

/** 62 tensors, as in a ResNet-18: many small ones and a few large ones. */
function gradients() {
  const sizes = Array.from({ length: 62 }, (_, k) => (k % 3 === 0 ? 1 : 0.002));
  const sum = sizes.reduce((a, b) => a + b);
  return sizes.map((size) => {
    const parameter = torch.zeros([Math.ceil((size / sum) * VALUES)]).requiresGrad_();
    parameter.grad = torch.ones(parameter.shape);
    return parameter;
  });
}

function rank() {
  torch.setNumThreads(1);
  distributed.initProcessGroup({
    rank: Number(options.rank),
    worldSize: 2,
    masterAddress: "127.0.0.1",
    masterPort: Number(options.port),
  });
  const [large, one] = [torch.zeros([VALUES]), torch.zeros([1])];
  const parameters = gradients();
  const [plain, sync] = [new BatchNorm2d(64), SyncBatchNorm.from(new BatchNorm2d(64))];
  const x = torch.randn([16, 64, 32, 32]).requiresGrad_();
  const result = {
    "all-reduce": time(9, () => distributed.allReduce(large)),
    "all-reduce of one value": time(200, () => distributed.allReduce(one)),
    barrier: time(200, () => distributed.barrier()),
    "averageGradients, 62 tensors": time(9, () => distributed.averageGradients(parameters)),
    "BatchNorm2d, forward and backward": time(20, () => plain.forward(x).square().sum().backward()),
    "SyncBatchNorm, forward and backward": time(20, () => sync.forward(x).square().sum().backward()),
  };
  distributed.barrier();
  distributed.destroyProcessGroup();
  console.log(JSON.stringify(result));
}

/** Runs both ranks of a command. @returns the output of rank 0 */
async function pair(command, args) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  const place = (rank) => [
    ...args,
    "--rank",
    String(rank),
    "--port",
    String(port),
    "--values",
    String(VALUES),
  ];
  const ranks = [0, 1].map((k) => spawn(command, place(k), { stdio: ["ignore", "pipe", "inherit"] }));
  const texts = await Promise.all(
    ranks.map(async ({ stdout }) => {
      let text = "";
      for await (const chunk of stdout) text += chunk;
      return text;
    }),
  );
  return JSON.parse(texts[0].trim().split("\n").at(-1));
}

async function compare() {
  const rounds = { ours: [], peer: [] };
  for (let k = 0; k < Number(options.rounds); k++) {
    rounds.ours.push(await pair(process.execPath, [fileURLToPath(import.meta.url)]));
    rounds.peer.push(
      await pair("/usr/bin/python3", [
        "-W",
        "ignore",
        fileURLToPath(new URL("peer_distributed.py", import.meta.url)),
      ]),
    );
  }
  console.log(
    `\nMilliseconds between two processes, one thread each, ${VALUES} float32 values (median, in turn, ${options.rounds} rounds)`,
  );
  console.log(`${"".padEnd(32)}${"ours".padStart(9)}${"PyTorch".padStart(10)}${"ratio".padStart(8)}`);
  for (const name of Object.keys(rounds.ours[0])) {
    const ours = median(rounds.ours.map((round) => round[name]));
    const has = name in rounds.peer[0];
    const peer = has ? median(rounds.peer.map((round) => round[name])) : NaN;
    const ratio = median(rounds.ours.map((round, k) => rounds.peer[k][name] / round[name]));
    console.log(
      `${name.padEnd(32)}${ours.toFixed(2).padStart(9)}${has ? `${peer.toFixed(2).padStart(10)}${ratio.toFixed(2).padStart(7)}x` : ""}`,
    );
  }
}

if (options.rank !== undefined) rank();
else if (distributed.available()) await compare();
else
  console.log(
    `\nSeveral processes: ${distributed.availability().reason}. ${distributed.availability().remedy}`,
  );
