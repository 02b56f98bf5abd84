import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../session.js";

interface MergeFlags extends CommonOptions {
  name?: string;
  overwrite?: boolean;
}

export function addMerge(program: Command, start: Start): void {
  const command = program
    .command("merge")
    .description("merge the pieces of a prepared data set")
    .argument("<destination>", "folder of the whole data set")
    .argument("<pieces...>", "all folders created by slicestack prepare --shard, in any order")
    .option("--name <name>", "name of the data set (default: the destination's)")
    .option("--overwrite", "replace the destination");
  addCommon(command, {
    example: "slicestack merge data/mine data/piece-1 data/piece-2",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.partly],
  }).action((destination: string, pieces: string[], options: MergeFlags) =>
    start(options, () => runMerge(pieces, destination, options)),
  );
}

async function runMerge(
  shards: string[],
  destination: string,
  { name, overwrite }: MergeFlags,
): Promise<Outcome> {
  const { mergeShards } = await import("@slicestack/pipeline");
  const dataset = await mergeShards({
    shards,
    destination,
    ...(name === undefined ? {} : { name }),
    ...(overwrite === undefined ? {} : { overwrite }),
  });
  const { info, directory } = dataset;
  const quarantined = info.quarantined ?? [];
  const text = `${info.name}: ${info.count} volumes from ${shards.length} pieces in ${destination}`;
  return { code: quarantined.length > 0 ? EXIT.partly : EXIT.ok, text, json: { directory, info } };
}
