/**
 * @slicestack/pipeline/internal: what the command line of the same version takes besides the public functions. Nothing
 * here is promised: a name may change or go in any version.
 */
import "./models/catalogue.js";
export { METRICS, type MetricName } from "@slicestack/stats";
export { auditPage } from "./audit/audit-page.js";
export { auditText } from "./audit/audit-text.js";
export { demoConfig } from "./config/demo.js";
export { configKeys } from "./config/keys.js";
export { configToFile } from "./config/to-yaml.js";
export { fileHashSync } from "./data/hash.js";
export { makeFolder } from "./data/make-folder.js";
export { syncFolder, writeFileAtomic } from "./data/atomic.js";
export { FolderLock } from "./data/lock.js";
export { claimFolder, refuseExistingFile, refuseForeign } from "./data/owned-folder.js";
export { foldName } from "./data/split/split.js";
export { diagnosisText } from "./engine/doctor/diagnose.js";
export { explained } from "./engine/system-errors.js";
export { filterRuns, RUN_KEYS, runsText, sortRuns } from "./evaluate/select-runs.js";
export { explainText } from "./explain/explain-text.js";
export { clockText } from "./inspect/clock-text.js";
export { inspectText } from "./inspect/inspect-text.js";
export { canPreview } from "./inspect/preview.js";
export { modelFacts, shortBytes, shortCount, type ModelFacts, type ZooShape } from "./models/model-facts.js";
export { bytesText, cacheText, parseBytes } from "./run/cache-entries.js";
export { findDataset } from "./run/dataset-location.js";
export { selectionsOf } from "./run/epoch-selection.js";
export { LeaseLostError, QueueError, QueueFullError } from "./queue/errors.js";
export type { Job as QueueJob, Lease } from "./queue/jobs.js";
export { LeaseQueue } from "./queue/lease-queue.js";
export { Slurm } from "./slurm/client.js";
export { FileTail, followTasks } from "./slurm/follow.js";
export { JobFolder, type JobTask, type TaskOutcome } from "./slurm/job-folder.js";
export { cancelSweepOnSlurm, runSweepOnSlurm, type SlurmSweepResult } from "./sweep/slurm/run-on-slurm.js";
export {
  cancelTrialsOnSlurm,
  pauseSlurmSweep,
  refuseTrials,
  resumeSlurmSweep,
  runsOnSlurm,
  slurmSweepStatus,
  type SlurmControlOptions,
  type SlurmControlResult,
  type SlurmSweepStatus,
} from "./sweep/slurm/control-slurm.js";
export type { SlurmSweepCounts, SlurmSweepEvent } from "./sweep/slurm/controller.js";
export type { SlurmJob } from "./slurm/job.js";
export { activeSubmission, nextSubmission, submissionsBeside, submissionsIn } from "./slurm/submissions.js";
export { jsonOf as sweepOutcomeJson } from "./sweep/results/sweep-results.js";
export { planText as sweepPlanText } from "./sweep/plan-text.js";
export {
  cancelSweep,
  pauseSweep,
  prioritiseTrials,
  resumeSweep,
  sweepStatus,
} from "./sweep/local/control.js";
export type { ControlOptions, ControlResult } from "./sweep/local/control.js";
export type { SweepEvent } from "./sweep/local/controller.js";
export { runSweep, type RunSweepOptions, type RunSweepResult } from "./sweep/local/run-sweep.js";
export type { RunningTrial, SweepStatus } from "./sweep/status.js";
export type { Trial } from "./sweep/trial.js";
export { endWithLauncher, launchProcesses, PEER_LOST, type LaunchResult } from "./train/launch.js";
export { predictWith } from "./tasks/predict.js";
export { modelCardOf } from "./trained/model-card.js";
export { writeStoredZip } from "./trained/stored-zip.js";
