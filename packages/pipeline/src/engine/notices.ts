/**
 * What a user should know although the work goes on, said once a process: a cache that cannot be written, a data set of an
 * earlier version that cannot be checked. Any code may give one; the program decides how it is shown.
 */
type Listener = (text: string, about: string) => void;

const said = new Set<string>();
const standard: Listener = (text) => process.emitWarning(text, "SlicestackWarning");
let listener: Listener = standard;

/** Who is told from now on; null: Node's own warnings, on stderr. A worker thread tells the thread that started it. */
export function onNotice(told: Listener | null): void {
  listener = told ?? standard;
}

/** @param about what is said once, whatever the text */
export function notice(text: string, about = text): void {
  if (said.has(about)) return;
  said.add(about);
  listener(text, about);
}
