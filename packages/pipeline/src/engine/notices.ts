/**
 * Notices inform the user of something that does not stop the work: a cache that cannot be written, a data set of an earlier
 * version that cannot be checked. Each is shown once in a process. Any code may give one; the program decides how to show it.
 */
type Listener = (text: string, about: string) => void;

const alreadyGiven = new Set<string>();
const defaultListener: Listener = (text) => process.emitWarning(text, "SlicestackWarning");
let listener: Listener = defaultListener;

/**
 * Sets the listener for all further notices; null shows them as Node's warnings on stderr. A worker thread passes its notices
 * to the thread that started it.
 */
export function onNotice(newListener: Listener | null): void {
  listener = newListener ?? defaultListener;
}

/** Gives a notice. @param about the subject: only the first notice about it is shown, whatever the text of later ones */
export function notice(text: string, about = text): void {
  if (alreadyGiven.has(about)) return;
  alreadyGiven.add(about);
  listener(text, about);
}
