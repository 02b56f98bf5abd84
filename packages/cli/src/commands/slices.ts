import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { parseFoldNumber } from "./numbers.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface SlicesFlags extends CommonOptions {
  overwrite?: boolean;
  volumes?: boolean;
  fold?: number;
}

export function addSlices(program: Command, start: Start): void {
  const command = program
    .command("slices")
    .description("write a data set in the published layout, one .npy file per slice or volume")
    .argument("<data>", "folder of the prepared data set")
    .argument(
      "<out>",
      "folder to create: train|val|test/class_k/NAME_INDEX.npy where the data set has a split, else class_k/…",
    )
    .option("--volumes", "one file per volume, NAME.npy of shape (H, W, slices), instead of one per slice")
    .option(
      "--fold <number>",
      "which fold of a cross-validation gives the parts, counted from 0",
      parseFoldNumber,
    )
    .option("--overwrite", "replace the folder");
  addCommon(command, {
    example: "slicestack slices data/mosmed slices/mosmed",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.stopped],
  }).action((data: string, out: string, options: SlicesFlags) =>
    start(options, (session) => runSlices(data, out, options, session)),
  );
}

async function runSlices(
  data: string,
  out: string,
  { overwrite, volumes, fold }: SlicesFlags,
  session: Session,
): Promise<Outcome> {
  const { openDataset, writeSlices } = await import("@slicestack/pipeline");
  const { onProgress, signal } = session;
  const result = await writeSlices(openDataset(data), {
    destination: out,
    ...(overwrite === undefined ? {} : { overwrite }),
    ...(volumes === undefined ? {} : { volumes }),
    ...(fold === undefined ? {} : { fold }),
    onProgress,
    signal,
  });
  return {
    code: EXIT.ok,
    text: `${result.slices} slices of ${result.volumes} volumes in ${out}`,
    json: result,
  };
}
