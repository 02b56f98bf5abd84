/** A controller in a process of its own, to be killed: node run-child.js SWEEP OUT DATA */
import { run } from "./sweeps.js";

const [sweep = "", out = "", data = ""] = process.argv.slice(2);
const { status } = await run(sweep, { out, data });
process.exitCode = status === "finished" ? 0 : 1;
