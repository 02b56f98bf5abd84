export { EXIT, exitCodeOf, UsageError, type ExitCode } from "./exit-codes.js";
export { main } from "./main.js";
