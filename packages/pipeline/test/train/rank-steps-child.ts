/** A rank of rank-steps.test.ts, started by launchProcesses. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setNumThreads } from "@slicestack/torch";
import { joinWorld } from "../../src/train/distributed.js";
import { endWithLauncher } from "../../src/train/launch.js";
import { resolveWorld, worldFromEnvironment } from "../../src/train/world.js";
import { rankSteps } from "./rank-steps-case.js";

const [folder = "."] = process.argv.slice(2);
endWithLauncher();
const world = await resolveWorld(worldFromEnvironment(process.env));
setNumThreads(1);
joinWorld(world, { timeoutSeconds: 60 }, () =>
  writeFileSync(join(folder, `${world.rank}.json`), JSON.stringify(rankSteps(folder))),
);
