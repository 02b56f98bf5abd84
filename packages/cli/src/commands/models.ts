import type { ModelFacts, ZooShape } from "@slicestack/pipeline/internal";
import { InvalidArgumentError, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../session.js";
import { parseCount, parseSize } from "./numbers.js";

type ModelsOptions = CommonOptions & ZooShape;

export function addModels(program: Command, start: Start): void {
  const command = program
    .command("models")
    .description("list every model with its parameters, multiply-adds, input and memory; needs no data")
    .option("--size <height,width>", "size of a slice in pixels", parseSize, [128, 128])
    .option("--slices <number>", "number of slices of a volume, at most 2048", upTo(1, 2048), 64)
    .option("--classes <number>", "number of classes", upTo(2, 1000), 2)
    .option(
      "--batch <number>",
      "number of slices or volumes in a training step, for the memory",
      upTo(1, 1024),
      16,
    );
  addCommon(command, {
    example: "slicestack models --size 128,128 --slices 64 --classes 5 --batch 8",
    codes: [EXIT.ok, EXIT.usage],
    notes:
      "Multiply-adds are those of one forward pass of one input; FLOPs are twice as many. Activations are the memory of a training step's forward pass " +
      "in float32, not including weights, gradients and optimiser state. See docs/reference/models.md.",
  }).action((options: ModelsOptions) => start(options, () => runModels(options)));
}

async function runModels({ size, slices, classes, batch }: ModelsOptions): Promise<Outcome> {
  const { modelFacts, shortBytes, shortCount } = await import("@slicestack/pipeline/internal/model-facts");
  const shape = { size, slices, classes, batch };
  const models = modelFacts(shape);
  const cells = ({ name, kind, input, cost, config }: ModelFacts): string[] => [
    name,
    kind,
    input.join("x"),
    cost === null ? "-" : shortCount(cost.parameters),
    cost === null ? "-" : shortCount(cost.multiplyAdds),
    cost === null ? "-" : shortBytes(cost.activationBytes),
    config,
  ];
  const titles = ["model", "kind", "input", "parameters", "mult-adds", "activations", "setting"];
  const problems = models.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  const text = [
    `Slices of ${size.join(" x ")}, volumes of ${slices} slices, ${classes} classes, batches of ${batch}`,
    aligned([titles, ...models.map(cells)]),
    ...problems,
  ].join("\n");
  return { code: EXIT.ok, text, json: { shape, models } };
}

const textColumns = new Set([0, 1, 2, 6]);

/** Aligned columns: text to the left, counts to the right. */
function aligned(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number) =>
    textColumns.has(column) ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}

/** Larger numbers are mistakes, and would only take long to count. */
function upTo(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = parseCount(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}
