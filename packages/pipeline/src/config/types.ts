/** The settings of a run, complete and checked. All types are inferred from the schema; files spell the keys in snake_case. */
import type { z } from "zod";
import type { Camel } from "./case.js";
import type { RunSchemas } from "./schema.js";
import type { lossShape, optimisationShape, stageShape } from "./stage-keys.js";

type Configs = { [M in keyof RunSchemas]: z.output<RunSchemas[M]> };

/** 2d: slices vote; 2.5d: slices, then a head on their embeddings; 3d: a network on whole volumes. */
export type Method = keyof RunSchemas;

/** The settings of a run of one method, or of several: `RunConfigOf<"2d" | "2.5d">` has a section `slice`. */
export type RunConfigOf<M extends Method> = Configs[M];

/** A union on `method`: the sections of a method can be read once `method` has been compared. */
export type RunConfig = RunConfigOf<Method>;

/** Which classes are told apart. */
export type TaskConfig = RunConfig["task"];
/** What is done to values and slices before a model sees them. */
export type TransformConfig = RunConfig["transform"];
/** The slice model and its stage; methods 2d and 2.5d. */
export type SliceConfig = RunConfigOf<"2d" | "2.5d">["slice"];
/** The head on slice embeddings and its stage; method 2.5d. */
export type HeadConfig = RunConfigOf<"2.5d">["head"];
/** Trunk and head trained together; method 2.5d. The loss is that of the head's stage. */
export type FineTuneConfig = RunConfigOf<"2.5d">["fineTune"];
/** The network on whole volumes and its stage; method 3d. */
export type NetworkConfig = RunConfigOf<"3d">["network"];

type SectionOf<Shape extends z.core.$ZodLooseShape> = Camel<z.output<z.ZodObject<Shape>>>;

/** How any stage goes through its data. */
export type OptimisationConfig = SectionOf<ReturnType<typeof optimisationShape>> & { epochs: number };
/** What a stage with a loss of its own minimises. */
export type LossConfig = SectionOf<ReturnType<typeof lossShape>>;
/** The settings of a stage with a loss of its own. */
export type StageConfig = SectionOf<ReturnType<typeof stageShape>>;
