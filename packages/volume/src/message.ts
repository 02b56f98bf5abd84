/** Messages that can be rendered twice: whole for the terminal, and without names for what is kept or passed on. */

/** What may point at a person: the name of a file, a UID, a text out of a header. `instead` stands where it must not. */
export interface Named {
  readonly name: string;
  readonly instead: string;
}

export const named = (name: string, instead: string): Named => ({ name, instead });

/** Made by `said`. */
export class Message {
  readonly #parts: readonly (string | Named)[];

  constructor(parts: readonly (string | Named)[]) {
    this.#parts = parts;
  }

  /** With every name. */
  get whole(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : part.name)).join("");
  }

  get nameless(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : part.instead)).join("");
  }
}

/** A message as a template: what may name somebody goes in as `named`, all else as it is. */
export function said(texts: TemplateStringsArray, ...values: (string | number | Named | Message)[]): Message {
  const parts = texts.flatMap((text, k) => {
    const value = values[k];
    if (value === undefined) return [text];
    if (value instanceof Message) return [text, named(value.whole, value.nameless)];
    return [text, typeof value === "object" ? value : String(value)];
  });
  return new Message(parts);
}

export const wholeOf = (problem: string | Message): string => (typeof problem === "string" ? problem : problem.whole);

export const namelessOf = (problem: string | Message): string =>
  typeof problem === "string" ? problem : problem.nameless;
