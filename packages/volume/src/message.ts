/** Messages with two forms: complete for the terminal, and without names for what is stored or passed on. */

/**
 * A text that may identify a person: a file name, a UID, a text from a header. `instead` replaces it where it must not
 * appear.
 */
export interface Named {
  readonly name: string;
  readonly instead: string;
}

export const named = (name: string, instead: string): Named => ({ name, instead });

/** A message with two forms, created by `message`. */
export class Message {
  readonly #parts: readonly (string | Named)[];

  constructor(parts: readonly (string | Named)[]) {
    this.#parts = parts;
  }

  /** The complete message. */
  get whole(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : part.name)).join("");
  }

  get nameless(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : part.instead)).join("");
  }
}

/** Template tag for messages: pass texts that may identify a person as `named(…)`, all others unchanged. */
export function message(
  texts: TemplateStringsArray,
  ...values: (string | number | Named | Message)[]
): Message {
  const parts = texts.flatMap((text, k) => {
    const value = values[k];
    if (value === undefined) return [text];
    if (value instanceof Message) return [text, named(value.whole, value.nameless)];
    return [text, typeof value === "object" ? value : String(value)];
  });
  return new Message(parts);
}

export const wholeOf = (problem: string | Message): string =>
  typeof problem === "string" ? problem : problem.whole;

export const namelessOf = (problem: string | Message): string =>
  typeof problem === "string" ? problem : problem.nameless;
