/** @slicestack/pipeline: from scans on disk to an evaluated volume classifier. Importing it does not load libtorch. */
export { audit, type Audit, type AuditOptions, type Finding } from "./evaluate/audit/audit.js";
export { auditPage } from "./evaluate/audit/page.js";
export { auditText } from "./evaluate/audit/text.js";
export { writeFileAtomic } from "./data/atomic.js";
export { augmentPresets, type AugmentConfig, type AugmentPreset } from "./config/augment.js";
export { configToFile, configToYaml } from "./config/to-yaml.js";
export { stageClasses, type TaskClasses } from "./config/classes.js";
export { demoConfig } from "./config/demo.js";
export { ConfigError } from "./config/errors.js";
export { configKeys } from "./config/keys.js";
export { loadConfig } from "./config/load.js";
export type { RunConfig, SliceConfig, StageConfig, TaskConfig, TransformConfig, VolumeConfig } from "./config/types.js";
export { DatasetError, LabelsError, PrepareError, SplitError, TableError } from "./data/errors.js";
export { generatePhantoms, type PhantomSet } from "./data/phantom.js";
export { prepare, type PrepareOptions, type PrepareResult } from "./data/prepare/prepare.js";
export type { FurtherColumns } from "./data/ingest/columns.js";
export { mergeShards, type MergeOptions } from "./data/prepare/shard.js";
export { writeSlices, type SlicesOptions, type SlicesResult } from "./data/slices.js";
export { LockedError } from "./data/lock.js";
export { FolderError, refuseExistingFile } from "./data/owned-folder.js";
export { makeFolds, type FoldOptions } from "./data/split/folds.js";
export { makeSplit, type SplitOptions } from "./data/split/holdout.js";
export { officialSplit, splitFromTable } from "./data/split/official.js";
export {
  checkSplit,
  foldName,
  foldNumber,
  readSplit,
  readSplits,
  writeSplit,
  type Part,
  type Split,
} from "./data/split/split.js";
export {
  labelsOf,
  openDataset,
  verifyDataset,
  type Dataset,
  type DatasetInfo,
  type VolumeRecord,
} from "./data/store.js";
export { DemoStopped, runDemo, type DemoOptions, type DemoResult } from "./demo.js";
export { diagnose, diagnosisText } from "./doctor.js";
export { compareModels, type ModelDifference } from "./evaluate/compare/models.js";
export { PROTOCOLS, type Protocol } from "./evaluate/analysis/protocols.js";
export { compareRuns, type CompareOptions, type CompareResult, type RunComparison } from "./evaluate/compare/runs.js";
export { bytesText, cacheText, listCache, parseBytes, pruneCache, type CacheEntry } from "./run/cache-entries.js";
export { listRuns, sparkline, type RunRow } from "./evaluate/list-runs.js";
export { selectionName, selectionsOf } from "./evaluate/selection.js";
export { metricsSchema, readMetrics, type MetricsFile } from "./evaluate/metrics-file.js";
export { METRICS, type MetricName } from "@slicestack/stats";
export { filterRuns, RUN_KEYS, runsText, sortRuns } from "./evaluate/select-runs.js";
export { evaluate, type EvaluateOptions, type EvaluateResult } from "./evaluate/evaluate.js";
export { evaluateGroup, type EvaluateGroupOptions, type GroupEvaluation } from "./evaluate/group/evaluate-group.js";
export type { GroupMetrics } from "./evaluate/group/metrics-file.js";
export { readPredictions, type Predictions } from "./evaluate/predictions.js";
export { summarise, type ModelSummary } from "./evaluate/summary.js";
export { ExplainError } from "./explain/errors.js";
export { explain, type ExplainOptions, type ExplainResult } from "./explain/explain.js";
export { explainText } from "./explain/text.js";
export { describeWeights, modelText, weightsText, type WeightsDescription } from "./export/describe.js";
export type { ModelGuess } from "./export/describe-model.js";
export { CheckpointError } from "@slicestack/torch/safetensors";
export { readSafetensors, writeSafetensors } from "./export/safetensors.js";
export { readWeights, type Weights, type WeightsFormat } from "./export/weights.js";
export { importCheckpoint, type ImportOptions, type ImportResult } from "./import/import.js";
export { clock, type ClockOptions, type ClockResult } from "./inspect/clock.js";
export { clockText } from "./inspect/clock-text.js";
export { InspectError } from "./inspect/errors.js";
export { inspect, type InspectOptions, type InspectResult } from "./inspect/inspect.js";
export { canPreview } from "./inspect/preview.js";
export { inspectText } from "./inspect/text.js";
export { findPretrained } from "./models/pretrained.js";
export { modelFacts, shortBytes, shortCount, type ModelFacts, type ZooShape } from "./models/facts.js";
export type { EpochReport, Progress } from "./engine/progress.js";
export { DownloadError } from "./run/download.js";
export { notice, onNotice } from "./engine/notices.js";
export { explained, SystemError } from "./data/system-errors.js";
export { readRecord, RunError } from "./run/folder.js";
export { findDataset, type DatasetPlace } from "./run/place.js";
export { verify, type Verification } from "./run/verify.js";
export { isGroup, readGroup, type GroupRecord, type Member } from "./run/group.js";
export { trainGroup, type GroupOptions, type GroupResult } from "./train/group.js";
export { readLedger, type Ledger, type TestRead } from "./run/ledger.js";
export { endWithLauncher, launchProcesses, PEER_LOST, type LaunchOptions, type LaunchResult } from "./train/launch.js";
export { EngineError } from "./train/errors.js";
export { ablate, type AblateOptions, type AblateResult } from "./study/ablate.js";
export { loadAblation, type Ablation } from "./study/file.js";
export {
  learningCurve,
  SHARES,
  type CurveFit,
  type CurvePoint,
  type LearningCurve,
  type LearningCurveOptions,
  type LearningCurveResult,
} from "./study/learning-curve.js";
export { plan, type PlanOptions, type PlanResult } from "./plan/plan.js";
export { train, type TrainOptions, type TrainResult } from "./train/train.js";
export { resolveWorld, worldFromEnvironment, WorldError, type UnresolvedWorld, type World } from "./train/world.js";
