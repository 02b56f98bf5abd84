/** The process of a training of a list: node training-process.js FOLDER, with the files of training-record.ts in FOLDER. */
import { basename, dirname } from "node:path";
import { train } from "../../tasks/train.js";
import { clearFailure, writeFailure } from "../trial-failure.js";
import { optionsOf, readTraining, trainingFiles, writeOutcome } from "./training-record.js";

/** As of the command line: stopped and saved. */
const STOPPED = 130;

async function trainHere(folder: string): Promise<number> {
  const files = trainingFiles(dirname(folder), basename(folder));
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT", "SIGUSR1"] as const) process.on(name, () => controller.abort());
  clearFailure(folder);
  try {
    const { training, maxThreads } = await readTraining(files);
    const { signal } = controller;
    const onLog = (line: string) => console.log(line);
    const { status, best } = await train({ ...optionsOf(training), maxThreads, signal, onLog });
    if (status === "stopped") return STOPPED;
    writeOutcome(files, { best });
    return 0;
  } catch (error) {
    writeFailure(folder, error);
    return 1;
  }
}

process.exitCode = await trainHere(process.argv[2]!);
