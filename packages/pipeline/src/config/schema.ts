/** The structured configuration file, in snake_case: every key with its default. The sections depend on the method. */
import { z } from "zod";
import { camelKeys } from "./case.js";
import { componentsEdition } from "./components.js";
import { logSection, splitSection, taskSection, transformSection } from "./data-sections.js";
import { atLeast, flag, key, trueOrFalse, WHOLE } from "./notes.js";
import { sliceSection } from "./slice-section.js";
import { checkFineTune, fineTuneSection, headSection, networkSection } from "./volume-sections.js";

/** A name of a folder: no slash, no line break, nothing that a terminal would obey. */
export const NAME = /^[^\s/\\.\u0000-\u001f\u007f-\u009f][^/\\\u0000-\u001f\u007f-\u009f]*$/; // eslint-disable-line no-control-regex

const nameKey = () =>
  key(
    z.string().regex(NAME).max(120).default("run"),
    "a text without slashes and control characters, of at most 120 letters, that does not begin with a dot",
    "Name of the run and its folder",
  );

const METHODS_EXPECTED = "2d, 2.5d or 3d";
const METHODS_MEANING =
  "2d: slices vote; 2.5d: slices, then a head on their embeddings; 3d: a network on whole volumes";

const methodKey = <T extends z.ZodType>(schema: T): T =>
  key(schema, METHODS_EXPECTED, METHODS_MEANING, { initial: "2.5d" });

/** The key `method` alone, for a file whose method is not known. */
export const methodSchema = z.looseObject({
  method: methodKey(z.enum(["2d", "2.5d", "3d"]).default("2.5d")),
});

const runKeys = () => ({
  seed: key(
    z.int().min(0).max(0xffffffff).default(0),
    `${WHOLE} from 0 to 4294967295`,
    "Seed of the training",
  ),
  device: key(
    z
      .string()
      .regex(/^(auto|cpu|mps|cuda:\d+)$/)
      .default("auto"),
    "auto, cpu, mps or cuda:N, e.g. cuda:0",
    "Device that computes; auto = the first GPU, or the CPU if there is no GPU",
  ),
  threads: key(
    z.union([z.int().min(1), z.literal("auto")]).default("auto"),
    `${atLeast(1)}, or auto`,
    "CPU threads of libtorch; auto = the usable cores",
  ),
  precision: key(
    z.enum(["auto", "float32", "bfloat16"]).default("auto"),
    "auto, float32 or bfloat16",
    "Arithmetic of training; auto = bfloat16 where the device computes it natively",
  ),
  overfit: key(
    flag(false),
    trueOrFalse,
    "Train on a small fixed subset, to check that the model can fit it at all",
  ),
  relaunch: key(flag(false), trueOrFalse, "Continue in the run folder of the same name"),
  checkpoint: key(
    z.string().min(1).nullable().default(null),
    "a path, or null",
    "Weights that the slice model (3d: the network) starts from: those of a run, or a file saved by PyTorch",
  ),
  init_from: key(
    z.string().min(1).nullable().default(null),
    "the folder of a run or a group, a bundle, or null",
    "A trained model to start from: all weights are taken over, except the last layers where the classes differ",
  ),
  plugins: key(
    z.array(z.string().min(1)).default([]),
    "a list of files or packages, e.g. [./median.mjs]",
    "Modules that add your own components (add-a-component.md); a path is relative to this file",
  ),
  task: taskSection(),
  split: splitSection(),
  transform: transformSection(),
});

/** One schema for each method. The key `method` of the one for 2.5d may be left out. */
function buildSchemas() {
  return {
    "2d": z
      .strictObject({
        name: nameKey(),
        method: methodKey(z.literal("2d")),
        ...runKeys(),
        slice: sliceSection(),
        log: logSection(),
      })
      .transform((file) => camelKeys(file)),
    "2.5d": z
      .strictObject({
        name: nameKey(),
        method: methodKey(z.literal("2.5d").default("2.5d")),
        ...runKeys(),
        slice: sliceSection(),
        head: headSection(),
        fine_tune: fineTuneSection(),
        log: logSection(),
      })
      .superRefine(checkFineTune)
      .transform((file) => camelKeys(file)),
    "3d": z
      .strictObject({
        name: nameKey(),
        method: methodKey(z.literal("3d")),
        ...runKeys(),
        network: networkSection(),
        log: logSection(),
      })
      .transform((file) => camelKeys(file)),
  };
}

export type RunSchemas = ReturnType<typeof buildSchemas>;

/** The schemas by method, over the components that are registered now. */
export function runSchemas(): RunSchemas {
  if (built?.edition !== componentsEdition())
    built = { edition: componentsEdition(), schemas: buildSchemas() };
  return built.schemas;
}

let built: { edition: number; schemas: RunSchemas } | undefined;
