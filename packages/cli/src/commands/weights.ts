import { existsSync } from "node:fs";
import type { PinnedWeights } from "@slicestack/pipeline";
import type { Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

const NAMING = "IMAGENET/RESNET18 is written imagenet/resnet18: a value of slice.pretrained and a trunk.";

export function addWeights(program: Command, start: Start): void {
  const weights = program
    .command("weights")
    .description("pretrained weights: list them, show a file, fetch one before a training needs it");
  const list = weights
    .command("list")
    .description("the files that names of slice.pretrained stand for, and which are on this machine");
  addCommon(list, {
    example: "slicestack weights list",
    codes: [EXIT.ok, EXIT.usage],
    notes:
      "Files of other programs need no name: set slice.pretrained to a path (docs/how-to/start-from-weights.md).",
  }).action((options: CommonOptions) => start(options, listWeights));
  const show = weights
    .command("show")
    .argument("<name>", "a name of slicestack weights list, or a file: .pth, .pt, .safetensors")
    .description(
      "size, SHA-256 and licence of a name, or the tensors of a file and the model that they resemble",
    );
  addCommon(show, {
    example: "slicestack weights show imagenet/resnet50",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
    notes: NAMING,
  }).action((name: string, options: CommonOptions) => start(options, () => showWeights(name)));
  const fetch = weights
    .command("fetch")
    .argument("<name>", "a name of slicestack weights list")
    .description("download a file into the cache, unless it is on this machine; print its path");
  addCommon(fetch, {
    example: "slicestack weights fetch imagenet/resnet18",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.stopped],
    notes: `Its size, SHA-256 and licence are shown first. SLICESTACK_WEIGHTS_URL names a mirror. ${NAMING}`,
  }).action((name: string, options: CommonOptions) =>
    start(options, (session) => fetchWeights(name, session)),
  );
}

const nameOf = ({ name, trunk }: PinnedWeights): string => `${name}/${trunk}`;

async function listWeights(): Promise<Outcome> {
  const { pinnedOnThisMachine, pinnedWeights } = await import("@slicestack/pipeline");
  const found = await Promise.all(
    pinnedWeights.map(async (one) => ({ ...one, path: await pinnedOnThisMachine(one) })),
  );
  const width = Math.max(...found.map((one) => nameOf(one).length));
  const text = found.map((one) => {
    const size = `${(one.bytes / 1e6).toFixed(0)} MB`.padStart(7);
    return `${nameOf(one).padEnd(width)}  ${size}  ${one.path ?? "not on this machine"}`;
  });
  return { code: EXIT.ok, text: text.join("\n"), json: { weights: found } };
}

async function showWeights(name: string): Promise<Outcome> {
  if (existsSync(name)) {
    const { describeWeights, weightsText } = await import("@slicestack/pipeline");
    const description = describeWeights(name);
    return { code: EXIT.ok, text: weightsText(description), json: description };
  }
  const pinned = await pinnedCalled(name);
  const { pinnedOnThisMachine } = await import("@slicestack/pipeline");
  const path = await pinnedOnThisMachine(pinned);
  const text = `${factsOf(pinned)}\n${path ?? `Not on this machine: slicestack weights fetch ${name}`}`;
  return { code: EXIT.ok, text, json: { ...pinned, path } };
}

async function fetchWeights(name: string, session: Session): Promise<Outcome> {
  const pinned = await pinnedCalled(name);
  const { findPinned } = await import("@slicestack/pipeline");
  session.log(factsOf(pinned));
  const path = await findPinned(pinned, { signal: session.signal, onProgress: session.onProgress });
  return { code: EXIT.ok, text: path, json: { ...pinned, path } };
}

const factsOf = (one: PinnedWeights): string =>
  [`${nameOf(one)}: ${one.url}`, `${one.bytes} bytes, SHA-256 ${one.sha256}`, `Licence: ${one.licence}`].join(
    "\n",
  );

/** @throws UsageError with the names that there are */
async function pinnedCalled(name: string): Promise<PinnedWeights> {
  const { pinnedWeights } = await import("@slicestack/pipeline");
  const found = pinnedWeights.find((one) => nameOf(one) === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `there are no weights ${name}, and no such file; names: ${pinnedWeights.map(nameOf).join(", ")}`,
  );
}
