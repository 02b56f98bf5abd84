import { Document, isCollection, visit } from "yaml";
import { augmentToFile, type AugmentConfig, type AugmentPreset } from "./augment.js";
import type { ConfigFile } from "./schema.js";
import type { RunConfig, StageConfig } from "./types.js";

type Written = Omit<ConfigFile, "transform"> & {
  transform: Omit<ConfigFile["transform"], "augment"> & { augment: AugmentPreset | Partial<AugmentConfig> };
};

/** The configuration with the snake_case keys of the file, ready for YAML or JSON. */
export function configToFile(config: RunConfig): Written {
  const { task, slice, volume } = config;
  return {
    name: config.name,
    seed: config.seed,
    device: config.device,
    threads: config.threads,
    precision: config.precision,
    overfit: config.overfit,
    relaunch: config.relaunch,
    checkpoint: config.checkpoint,
    task: {
      classes_to_include: task.classesToInclude,
      class_mapping: task.classMapping && Object.fromEntries(task.classMapping),
      class_names: task.classNames,
    },
    split: { seed: config.split.seed, fractions: config.split.fractions },
    transform: { ...config.transform, augment: augmentToFile(config.transform.augment) },
    slice: {
      model: slice.model,
      pretrained: slice.pretrained,
      slices_per_volume: slice.slicesPerVolume,
      size: slice.size,
      mixup: slice.mixup,
      cutmix: slice.cutmix,
      soft_labels: slice.softLabels,
      soft_label_warmup: slice.softLabelWarmup,
      soft_label_floor: slice.softLabelFloor,
      ...stageToFile(slice),
    },
    volume: { head: volume.head, ...stageToFile(volume) },
  };
}

function stageToFile(stage: StageConfig): Omit<ConfigFile["volume"], "head"> {
  return {
    epochs: stage.epochs,
    batch_size: stage.batchSize,
    optimizer: stage.optimizer,
    learning_rate: stage.learningRate,
    weight_decay: stage.weightDecay,
    momentum: stage.momentum,
    schedule: stage.schedule,
    warmup_epochs: stage.warmupEpochs,
    dropout: stage.dropout,
    weighted_sampler: stage.weightedSampler,
    subject_sampler: stage.subjectSampler,
    loss: stage.loss,
    focal_gamma: stage.focalGamma,
    focal_alpha: stage.focalAlpha,
    weighted_loss: stage.weightedLoss,
    class_weights: stage.classWeights,
    effective_beta: stage.effectiveBeta,
    label_smoothing: stage.labelSmoothing,
    clip_norm: stage.clipNorm,
  };
}

/** Keys of which two configurations say different things, as "slice.epochs: 20, here 40". */
export function configDifferences(first: RunConfig, second: RunConfig): string[] {
  const [a, b] = [flatten(configToFile(first)), flatten(configToFile(second))];
  return [...a]
    .filter(([key, value]) => b.get(key) !== value)
    .map(([key, value]) => `${key}: ${value}, here ${b.get(key)}`);
}

function flatten(file: Written): Map<string, string> {
  const sections = ["task", "split", "transform", "slice", "volume"];
  return new Map(
    Object.entries(file).flatMap(([key, value]) =>
      sections.includes(key) && typeof value === "object" && value !== null
        ? Object.entries(value).map(([inner, one]): [string, string] => [`${key}.${inner}`, JSON.stringify(one)])
        : [[key, JSON.stringify(value)] as [string, string]],
    ),
  );
}

/** The resolved configuration as a YAML file; loadConfig reads it back to an equal one. */
export function configToYaml(config: RunConfig): string {
  const file = configToFile(config);
  // A Map, so that YAML writes whole numbers as its keys and not quoted texts.
  const task = { ...file.task, class_mapping: config.task.classMapping };
  const document = new Document({ ...file, task }, { aliasDuplicateObjects: false });
  visit(document, {
    // Lists and the class mapping fit on a line; sections do not.
    Seq: (_, list) => void (list.flow = true),
    Pair: (_, { key, value }) => {
      if (String(key) === "class_mapping" && isCollection(value)) value.flow = true;
    },
  });
  return document.toString({ lineWidth: 120, flowCollectionPadding: false });
}
