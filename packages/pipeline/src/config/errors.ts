/** One thing wrong with a configuration, and where it stands: in a file (line and column from 1) or in a flag. */
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
  // The flag already says the key.
  if (flag !== undefined) return `${flag}: ${message.startsWith(`${key}: `) ? message.slice(key.length + 2) : message}`;
  const place = [file ?? "config", line, column].filter((part) => part !== undefined).join(":");
  return `${place}: ${message}`;
}
