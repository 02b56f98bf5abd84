/** One thing that is wrong with a configuration, and its place: in a file (line and column, counted from 1) or in a flag. */
export interface ConfigProblem {
  message: string;
  /** Dotted snake_case key, e.g. "slice.learning_rate"; "" for the whole file. */
  key: string;
  file?: string;
  line?: number;
  column?: number;
  /** The flag that set the key, e.g. "--slice.learning_rate". */
  flag?: string;
  /** The nearest valid names, best first. */
  suggestions?: string[];
}

/** A configuration that cannot be used. The fields are those of its first problem; `problems` holds all. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly key: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly flag: string | undefined;
  readonly suggestions: readonly string[];

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(problemText).join("\n"));
    const first = problems[0];
    this.key = first?.key ?? "";
    this.file = first?.file;
    this.line = first?.line;
    this.column = first?.column;
    this.flag = first?.flag;
    this.suggestions = first?.suggestions ?? [];
  }
}

function problemText(problem: ConfigProblem): string {
  const { key, file, line, column, flag, message } = problem;
  if (flag !== undefined) {
    // The flag names the key already, unless the key is an option inside its value.
    const repeatsKey = message.startsWith(`${key}: `) && !`--${key}`.startsWith(`${flag}.`);
    return `${flag}: ${repeatsKey ? message.slice(key.length + 2) : message}`;
  }
  const place = [file ?? "config", line, column].filter((part) => part !== undefined).join(":");
  return `${place}: ${message}`;
}

/** A plug-in that cannot be used, or that threw: `plug-in ./median.mjs threw TypeError: …`, with that error as the cause. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  constructor(
    /** Its path, relative to the working directory where that is shorter. */
    readonly plugin: string,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`plug-in ${plugin} ${problem}. ${remedy}`, options);
  }

  /** @param where e.g. "in forward() of its head median" */
  static thrown(plugin: string, where: string, cause: unknown): PluginError {
    const { name, message } = cause instanceof Error ? cause : { name: "a value", message: String(cause) };
    const remedy = "Correct the plug-in, or leave it out of plugins.";
    return new PluginError(plugin, `threw ${name}: ${message.replace(/\.$/, "")} (${where})`, remedy, {
      cause,
    });
  }
}
