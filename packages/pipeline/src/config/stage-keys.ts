/** The keys that the sections of all stages share: how a stage goes through its data, and what it minimises. */
import { z } from "zod";
import { componentChoice } from "./choice.js";
import { findComponent, settingsOfKind } from "./components.js";
import { atLeast, flag, key, trueOrFalse } from "./notes.js";

interface Defaults {
  batch: number;
  rate: number;
}

/** How any stage goes through its data. */
export function optimisationShape(defaults: Defaults) {
  return {
    batch_size: key(z.int().min(1).default(defaults.batch), atLeast(1), "Samples in a training step"),
    accumulate: key(
      z.int().min(1).default(1),
      atLeast(1),
      "Number of pieces that a batch is split into to save memory; the step is the same, except that batch norm sees one piece at a time",
    ),
    optimizer: key(
      z.enum(["adam", "adamw", "sgd"]).default("adam"),
      "adam, adamw or sgd",
      "Update rule; AdamW decouples the weight decay",
    ),
    learning_rate: key(
      z.number().positive().default(defaults.rate),
      "a number above 0",
      "Highest learning rate",
    ),
    weight_decay: key(z.number().min(0).default(0), "a number, at least 0", "L2 penalty"),
    momentum: key(z.number().min(0).lt(1).default(0.9), "a number from 0 to below 1", "Momentum of sgd"),
    schedule: key(
      z.enum(["plateau", "cosine", "step", "one_cycle", "constant"]).default("plateau"),
      "plateau, cosine, step, one_cycle or constant",
      "Learning rate over time; plateau: multiplied by 0.1 after 5 epochs without a better validation score",
    ),
    warmup_epochs: key(
      z.int().min(0).default(0),
      atLeast(0),
      "Epochs in which the learning rate rises linearly; one_cycle has a rise already",
    ),
    clip_norm: key(
      z.number().positive().nullable().default(null),
      "a number above 0, or null",
      "Largest norm of the gradient; null = the gradient is not clipped",
    ),
    ema: key(
      z.number().min(0).lt(1).default(0),
      "a number from 0 to below 1",
      "Validate and keep a moving average of the weights with this decay per step, e.g. 0.999; 0 = the weights themselves",
    ),
    select: componentChoice(
      "metric",
      "Metric on the validation set that chooses the best epoch; ties go to the epoch with the lower loss",
    ),
    patience: key(
      z.int().min(1).nullable().default(null),
      `${atLeast(1)}, or null`,
      "Epochs without a better one after which training stops; null = train all epochs",
    ),
    sync_batch_norm: key(
      flag(false),
      trueOrFalse,
      "With several processes: compute batch norm over the whole batch, as a single process does",
    ),
    weighted_sampler: key(flag(true), trueOrFalse, "Draw every class equally often"),
    subject_sampler: key(
      flag(false),
      trueOrFalse,
      "Draw every subject equally often, within its class where weighted_sampler is true; with both false, each item is drawn once an epoch",
    ),
  };
}

/** What a stage minimises. */
export function lossShape() {
  return {
    loss: componentChoice("loss", withHints("What the stage minimises", "loss")),
    weighted_loss: key(flag(false), trueOrFalse, "Weight the loss by class, so that rare classes count more"),
    class_weights: key(
      z.enum(["inverse", "effective"]).default("inverse"),
      "inverse or effective",
      "Weights of weighted_loss: 1 / frequency, or 1 / effective number of samples",
    ),
    effective_beta: key(
      z.number().min(0).lt(1).default(0.999),
      "a number from 0 to below 1",
      "Overlap of samples for class_weights effective: 0 weights all classes alike, values near 1 weight them as inverse does",
    ),
    label_smoothing: key(
      z.number().min(0).lt(1).default(0),
      "a number from 0 to below 1",
      "Share of the target that is spread over all classes",
    ),
  };
}

/** A stage with a loss of its own. */
export function stageShape({ epochs, least = 1 }: { epochs: number; least?: number }) {
  const { batch_size, ...optimisation } = optimisationShape({ batch: 32, rate: 3e-4 });
  return {
    epochs: key(
      z.int().min(least).default(epochs),
      atLeast(least),
      `Passes over the training set${least === 0 ? "; 0 = the slice model keeps the weights that it starts with" : ""}`,
    ),
    batch_size,
    ...optimisation,
    ...lossShape(),
  };
}

interface Rise {
  epochs: number;
  warmup_epochs: number;
  schedule: string;
}

/** A loss that corrects for class frequencies, together with a sampler or weights that do so as well, corrects twice. */
export function checkCorrections(
  section: { loss: { name: string }; weighted_sampler: boolean; weighted_loss: boolean },
  context: z.RefinementCtx,
  path: readonly string[] = [],
): void {
  if (findComponent("loss", section.loss.name)?.correctsFrequencies !== true) return;
  for (const name of ["weighted_sampler", "weighted_loss"] as const)
    if (section[name])
      context.addIssue({
        code: "custom",
        path: [...path, name],
        message: `expected false, because the loss ${section.loss.name} corrects for class frequencies already, received true`,
      });
}

export function checkWarmup(
  { epochs, warmup_epochs: warmup, schedule }: Rise,
  context: z.RefinementCtx,
): void {
  const risesAlready = schedule === "one_cycle" && warmup > 0;
  if (warmup <= epochs && !risesAlready) return;
  const message = risesAlready
    ? `expected 0, because the schedule one_cycle has a rise already, received ${warmup}`
    : `expected at most the ${epochs} epochs of the stage, received ${warmup}`;
  context.addIssue({ code: "custom", path: ["warmup_epochs"], message });
}

type Kind = "trunk" | "head" | "network" | "loss";

/** The hints of the components of a kind, in one sentence. */
const hintsOf = (kind: Kind): string =>
  settingsOfKind(kind)
    .flatMap(({ name, hint }) => (hint === undefined ? [] : [`${name}: ${hint}`]))
    .join("; ");

export function withHints(meaning: string, kind: Kind): string {
  const hints = hintsOf(kind);
  return hints === "" ? meaning : `${meaning}; ${hints}`;
}
