/**
 * @slicestack/pipeline: from scans on disk to an evaluated volume classifier. Importing it does not load libtorch.
 * Components and models: `@slicestack/pipeline/models`; what a plug-in needs: `@slicestack/pipeline/plugins`.
 */
import "./models/catalogue.js";

// What the commands do
export { ablate, type AblateOptions, type AblateResult } from "./study/ablate.js";
export type { StudyOptions } from "./study/run-steps.js";
export type { StudyFiles } from "./study/study-files.js";
export { auto, type AutoOptions, type AutoResult } from "./auto/auto.js";
export { dryRunOfAuto, type DryRun } from "./auto/dry-run.js";
export type { PlannedStep } from "./auto/forecast.js";
export type {
  Bundled as AutoBundle,
  ModelScores,
  Planned as AutoPlan,
  Tested as AutoTest,
} from "./auto/results.js";
export type { CandidateScore, Selected } from "./auto/select.js";
export {
  audit,
  type Audit,
  type AuditOptions,
  type Finding,
  type PlacedPair,
  type Severity,
} from "./audit/audit.js";
export type { AcquisitionFinding } from "./audit/acquisition.js";
export type { Outlier } from "./audit/outliers.js";
export type { ValueFingerprint } from "./audit/values.js";
export { clock, type ClockOptions, type ClockResult, type Timing } from "./inspect/clock.js";
export { compareRuns, type CompareOptions, type CompareResult } from "./tasks/compare-runs.js";
export { DemoStopped, runDemo, type DemoOptions, type DemoResult } from "./tasks/demo.js";
export { describeWeights, weightsText, type WeightsDescription } from "./models/describe-weights.js";
export { diagnose, type Diagnosis } from "./engine/doctor/diagnose.js";
export type { Probe } from "./engine/doctor/probe.js";
export { evaluate, type EvaluateOptions, type EvaluateResult } from "./tasks/evaluate.js";
export type { CostReport } from "./evaluate/cost.js";
export type { OtherData } from "./evaluate/matched-volumes.js";
export type { Protocol } from "./evaluate/analysis/protocols.js";
export {
  evaluateEnsemble,
  type EnsembleEvaluation,
  type EnsembleMetrics,
  type EvaluateEnsembleOptions,
} from "./tasks/evaluate-ensemble.js";
export { evaluateGroup, type EvaluateGroupOptions, type GroupEvaluation } from "./tasks/evaluate-group.js";
export { explain, type ExplainOptions } from "./tasks/explain.js";
export { exportModel, type ExportOptions, type ExportResult } from "./tasks/export-model.js";
export {
  exportWeb,
  prepareView,
  type ExportedWeb,
  type ExportWebOptions,
  type PreparedView,
  type ViewOptions,
} from "./tasks/export-web.js";
export {
  exportEnsemble,
  exportOnnx,
  EXPORT_PARTS,
  type EnsembleMember,
  type ExportedOnnx,
  type ExportOnnxOptions,
  type ExportPart,
} from "./export/onnx.js";
export { ExportError } from "./export/export-error.js";
export type { Extent } from "./export/forms.js";
export type { Calibration } from "./export/read-out.js";
export type { Exported, ExportTarget } from "./export/targets.js";
export type { ExplainResult } from "./explain/explain-result.js";
export type { MapKind, SubjectExplained } from "./explain/subject.js";
export type { Summary as ExplainSummary } from "./explain/summary.js";
export type { BaselineKind } from "./explain/volume-function.js";
export { importBundle, isImportOf, type ImportBundleOptions } from "./tasks/import-bundle.js";
export { importCheckpoint, type ImportOptions, type ImportResult } from "./tasks/import-checkpoint.js";
export type { Given as GivenSettings } from "./models/imported-settings.js";
export { inspect, type InspectOptions } from "./tasks/inspect.js";
export type { InspectResult } from "./inspect/inspect-result.js";
export type { Choice as InspectChoice } from "./inspect/choose.js";
export type { Comparison as InspectComparison } from "./inspect/compare.js";
export type { DatasetLook } from "./inspect/dataset-look.js";
export type { IdentityOptions } from "./inspect/identity.js";
export type { InputsComparison } from "./inspect/inputs.js";
export type { OutputOptions } from "./inspect/outputs.js";
export type { SourceLook } from "./inspect/source-look.js";
export type { Window as InspectWindow } from "./inspect/tiles.js";
export type { VolumeLook } from "./inspect/volume-look.js";
export {
  learningCurve,
  type LearningCurveOptions,
  type LearningCurveResult,
} from "./study/learning-curve.js";
export {
  listCache,
  pruneCache,
  type CacheEntry,
  type CacheLocation,
  type PruneOptions,
} from "./run/cache-entries.js";
export { listRuns, type RunRow } from "./evaluate/list-runs.js";
export { mergeShards, type MergeOptions, type Shard } from "./data/prepare/shard.js";
export { addPoints, type AddPointsOptions } from "./sweep/add-points.js";
export { ask, tell, type Asked, type AskedTrial, type TellOptions, type Told } from "./sweep/ask.js";
export type { SweepTarget } from "./sweep/begin.js";
export { importSweep, type ImportedSweep, type ImportSweepOptions } from "./sweep/import-published.js";
export type { JsonValue, Point, PointSource, TrialState, Values } from "./sweep/trial.js";
export type { RankedPoint, SweepOutcome } from "./sweep/results/outcome.js";
export { sweepResults, type SweepResults } from "./sweep/results/sweep-results.js";
export { planSweep, type PlannedPoint, type PlanSweepOptions, type SweepPlan } from "./sweep/plan-sweep.js";
export type { SweepCost } from "./sweep/sweep-cost.js";
export { plan, type PlanOptions, type PlanResult } from "./plan/plan.js";
export type { Machine, Plan } from "./plan/choose-config.js";
export type { Fingerprint } from "./plan/fingerprint.js";
export { exportBundle, type ExportBundleOptions, type ExportedBundle } from "./export/bundle.js";
export type { Manifest as BundleManifest } from "./trained/bundle-manifest.js";
export { holdsBundle } from "./trained/is-bundle.js";
export { modelsInBundle } from "./trained/open-bundle.js";
export type { FindTrainedOptions } from "./trained/find-trained.js";
export { predict, type PredictOptions, type PredictSummary } from "./tasks/predict.js";
export { prepare, type PrepareOptions, type PrepareResult } from "./tasks/prepare.js";
export type { PlanOptions as ScanOptions, Quarantined } from "./data/prepare/plan.js";
export type { SetAside } from "./data/ingest/source.js";
export { runTrial, type RunTrialOptions, type RunTrialResult } from "./sweep/run-trial.js";
export type { TrialResult } from "./sweep/trial-result.js";
export { train, type TrainOptions, type TrainResult } from "./tasks/train.js";
export type { EpochRow } from "./train/metrics-log.js";
export type { TrainOutcome } from "./train/train-job.js";
export { trainGroup, type GroupOptions, type GroupResult } from "./study/train-group.js";
export { verify, type Verification } from "./tasks/verify.js";
export { writeSlices, type SlicesOptions, type SlicesResult } from "./data/slices.js";
export {
  resolveWorld,
  worldFromEnvironment,
  type Starter,
  type UnresolvedWorld,
  type World,
} from "./train/world.js";
export type { EpochReport, Progress } from "./engine/progress.js";
export { EngineSession, type SessionOptions } from "./engine/session.js";
export type { JobOptions, JobRunner, TaskOptions } from "./engine/task-options.js";
export { SessionError } from "./engine/thread-errors.js";
export { onNotice } from "./engine/notices.js";

// A trained model that decides
export {
  Predictor,
  type BatchListener,
  type OpenPredictorOptions,
  type PredictFilesOptions,
} from "./scan/scan-predictor.js";
export type { PredictedScan, PredictScansOptions } from "./scan/predict-scans.js";
export type { FailedScan, FoundScan, FoundScans } from "./scan/find-scans.js";
export type { ComputeWishes } from "./scan/scan-job.js";
export { scanResultSchema, type OperatingPoint, type ScanResult } from "./scan/scan-result.js";
export type { ScanWarning } from "@slicestack/volume";
export {
  datasetSource,
  memorySource,
  type MemoryVolume,
  type SourceVolume,
  type VoxelSource,
} from "./input/source.js";
export type { Task } from "./data/task.js";
export type { Joint } from "./models/trunk-with-head.js";
export { readSpec, specOfRun, usePluginsOf } from "./models/spec-file.js";
export { createModel } from "./models/create-model.js";
export type { ModelModules, NetworkModules, SliceModules, StackModules } from "./models/create-model.js";
export { loadFrom, loadFromRun, openModel } from "./predict/open-model.js";
export type { Volume } from "./predict/features.js";
export type { Compute } from "./predict/forward.js";
export type { LoadStage, OpenModel, OpenNetwork, OpenSliceModel } from "./predict/open-model.js";
export type { WeightsOwner } from "./predict/load-trained.js";
export { predictorOf } from "./predict/predictor.js";
export type { Evidence, Predicted, PredictionOptions, Probabilities } from "./predict/prediction.js";
export type { Predictor as VolumePredictor } from "./predict/prediction.js";
export type { SliceProbabilities } from "./predict/prediction.js";
export { openRun, type OpenRun } from "./run/open-run.js";

// A PACS
export { DicomWebClient, type SeriesEntry, type StoredObjects, type StudyEntry } from "./dicomweb/client.js";
export type { Place } from "./dicomweb/address.js";
export type { PartSink } from "./dicomweb/multipart.js";
export type { RequestOptions } from "./dicomweb/request.js";
export { downloadStudy, type DownloadedStudy, type DownloadLimits } from "./dicomweb/download.js";

// Configurations
export type { BuiltInAugmentations } from "./augment/catalogue.js";
export type { AugmentConfig } from "./config/augment.js";
export { configToYaml } from "./config/to-yaml.js";
export { loadConfig, type LoadOptions } from "./config/load.js";
export type { PluginFile } from "./config/loaded-plugins.js";
export { loadPlugins, usePlugins } from "./config/plugins.js";
export type { StageName } from "./config/stages.js";
export type { Choice, Options } from "./config/choice.js";
export type {
  FineTuneConfig,
  HeadConfig,
  LossConfig,
  Method,
  NetworkConfig,
  OptimisationConfig,
  RunConfig,
  RunConfigOf,
  SliceConfig,
  StageConfig,
  TaskConfig,
  TransformConfig,
} from "./config/types.js";

// Data sets and splits
export {
  generatePhantoms,
  type PhantomOptions,
  type PhantomScanRecord,
  type PhantomSet,
} from "./data/phantom.js";
export type { FurtherColumns } from "./data/ingest/columns.js";
export { makeFolds, type FoldOptions } from "./data/split/folds.js";
export { makeSplit, type SplitOptions } from "./data/split/holdout.js";
export { officialSplit, splitFromTable } from "./data/split/official.js";
export type { Part } from "./data/split/parts.js";
export {
  checkSplit,
  readSplit,
  readSplits,
  writeSplit,
  type Fold,
  type ReadSplitOptions,
  type Split,
} from "./data/split/split.js";
export { labelsOf, openDataset, verifyDataset, type Dataset, type DatasetInfo } from "./data/store.js";
export type { StoreArray, StoreDtype, VerifyOptions } from "./data/store.js";
export type { Geometry, VolumeRecord } from "./data/volume-record.js";

// What runs hold
export type { RunComparison } from "./evaluate/compare/comparison.js";
export type { AllPairs } from "./evaluate/compare/all-pairs.js";
export type { FoldComparison } from "./evaluate/compare/folds.js";
export type { RepeatedComparison } from "./evaluate/compare/repeated.js";
export { compareModels, type ModelDifference } from "./evaluate/compare/models.js";
export { metricsSchema, readMetrics, type MetricsFile } from "./evaluate/metrics-file.js";
export type { Analysis } from "./evaluate/analysis/analysis.js";
export type { Combination } from "./evaluate/group/ensemble.js";
export type { ByModel, ByPart, GroupMetrics, MemberMetrics } from "./evaluate/group/metrics-file.js";
export { readPredictions, type Predictions } from "./evaluate/predictions.js";
export { summarise, type ClassSummary, type ModelSummary } from "./evaluate/summary.js";
export type { SummaryOptions } from "./evaluate/summary-options.js";
export { readRecord, type RunRecord } from "./run/folder.js";
export { isGroup, readGroup, type GroupRecord, type Member } from "./run/group.js";
export { readLedger, type Ledger, type TestRead } from "./run/ledger.js";
export { loadAblation, type Ablation, type Variant } from "./study/ablation-file.js";
export type { CurveFit, CurvePoint, LearningCurve } from "./study/learning-curve-results.js";

// Weights
export {
  findPinned,
  findPretrained,
  pinnedOnThisMachine,
  pinnedWeights,
  type FindOptions,
  type PinnedWeights,
} from "./models/pretrained.js";
export { readSafetensors, writeSafetensors, type WriteOptions } from "./weights/safetensors.js";
export { readWeights, type Weights, type WeightsFormat } from "./weights/weights.js";
export type { OtherEntry } from "./weights/state-dict.js";

// Errors
export { CheckpointError } from "@slicestack/torch/safetensors";
export { ConfigError, PluginError, type ConfigProblem } from "./config/errors.js";
export {
  DatasetError,
  LabelsError,
  PrepareError,
  SplitError,
  TableError,
  type LabelProblems,
} from "./data/errors.js";
export { LockedError } from "./data/lock.js";
export { FolderError } from "./data/owned-folder.js";
export { AutoError, BudgetError } from "./auto/errors.js";
export { SystemError } from "./engine/system-errors.js";
export { ExplainError } from "./explain/errors.js";
export { DicomWebError, type DicomWebFault } from "./dicomweb/errors.js";
export { PredictError } from "./scan/errors.js";
export { DicomOutputError } from "./dicom-out/errors.js";
export type { WrittenObject, WrittenObjects } from "./dicom-out/dicom-folder.js";
export type { ClassMap } from "./dicom-out/heat-map.js";
export { BundleError } from "./trained/bundle-error.js";
export { InspectError } from "./inspect/errors.js";
export { ModelError } from "./models/common/model-error.js";
export { ReportError } from "./report/errors.js";
export { DownloadError, type PinnedFile } from "./run/download.js";
export { RunError } from "./run/folder.js";
export { SlurmFullError } from "./slurm/client.js";
export { SlurmError } from "./slurm/errors.js";
export { EngineError } from "./train/errors.js";
export { WorldError } from "./train/world.js";
