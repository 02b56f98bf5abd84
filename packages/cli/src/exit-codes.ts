/** The exit codes of every command; a contract (docs/reference/cli.md). */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  data: 3,
  partly: 4,
  engine: 5,
  peer: 6,
  stopped: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANING: Record<ExitCode, string> = {
  0: "done",
  1: "an unexpected error",
  2: "a wrong argument or configuration",
  3: "data that cannot be used",
  4: "partly done: some volumes or scans could not be used",
  5: "libtorch was not found, or the engine failed",
  6: "another process of the training ended, or Slurm refused or lost a job",
  130: "stopped by Ctrl-C, SIGTERM or SIGUSR1",
};

/** A wrong or contradicting argument. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const CODE_OF_ERROR: Record<string, ExitCode> = {
  UsageError: EXIT.usage,
  CommanderError: EXIT.usage,
  ConfigError: EXIT.usage,
  ModelError: EXIT.usage,
  ExportError: EXIT.usage,
  OnnxError: EXIT.usage,
  ServeError: EXIT.usage,
  PredictionFailedError: EXIT.data,
  WorkerDiedError: EXIT.engine,
  PluginError: EXIT.usage,
  WorldError: EXIT.usage,
  DatasetError: EXIT.data,
  PrepareError: EXIT.data,
  InspectError: EXIT.data,
  PredictError: EXIT.usage,
  BudgetError: EXIT.usage,
  AutoError: EXIT.data,
  BundleError: EXIT.data,
  ExplainError: EXIT.data,
  TableError: EXIT.data,
  FolderError: EXIT.data,
  SystemError: EXIT.data,
  LockedError: EXIT.data,
  QueueError: EXIT.data,
  SweepError: EXIT.data,
  LabelsError: EXIT.data,
  SplitError: EXIT.data,
  RunError: EXIT.data,
  CheckpointError: EXIT.data,
  MappedFileError: EXIT.data,
  DownloadError: EXIT.data,
  ReportError: EXIT.data,
  PredictionsError: EXIT.data,
  ClusteredSubjectsError: EXIT.data,
  RangeOfParameterError: EXIT.usage,
  StateDictError: EXIT.data,
  UnusableVolumeError: EXIT.data,
  VolumeFormatError: EXIT.data,
  VolumeFileError: EXIT.data,
  DicomSeriesError: EXIT.data,
  RegionError: EXIT.data,
  LibtorchNotFoundError: EXIT.engine,
  EngineError: EXIT.engine,
  TorchError: EXIT.engine,
  ArgumentError: EXIT.engine,
  TensorDisposedError: EXIT.engine,
  OptimizerStateError: EXIT.data,
  OutOfMemoryError: EXIT.engine,
  DistributedError: EXIT.peer,
  SlurmError: EXIT.peer,
  AbortError: EXIT.stopped,
};

/** The exit code of an error, by its name or the classes it derives from, else by its cause. */
export function exitCodeOf(error: unknown): ExitCode {
  for (
    let current = error, depth = 0;
    current instanceof Error && depth < 10;
    current = current.cause, depth++
  )
    for (const name of namesOf(current)) if (Object.hasOwn(CODE_OF_ERROR, name)) return CODE_OF_ERROR[name]!;
  return EXIT.unexpected;
}

// By name and not by class, so that no package must be loaded for it and errors from worker threads are recognised,
// too.
function namesOf(error: Error): string[] {
  const names = [error.name];
  for (let at: unknown = Object.getPrototypeOf(error); at instanceof Object; at = Object.getPrototypeOf(at))
    names.push(at.constructor.name);
  return names;
}
