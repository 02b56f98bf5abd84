import type { Command } from "commander";

/** A part of a command line as it was typed: an option with its value, or an argument without a name. */
interface Given {
  /** "--fold"; null for an argument. */
  name: string | null;
  words: string[];
}

/**
 * The words behind a command's name, grouped by option.
 * @param argv from the name of the command on, with configuration keys rewritten (rewriteOverrides)
 */
export function givenWords(command: Command, argv: readonly string[]): Given[] {
  const given: Given[] = [];
  const words = argv.slice(1);
  for (let k = 0; k < words.length; k++) {
    const word = words[k]!;
    if (word === "--")
      return [...given, ...words.slice(k + 1).map((rest) => ({ name: null, words: [rest] }))];
    if (!word.startsWith("-") || word === "-") {
      given.push({ name: null, words: [word] });
      continue;
    }
    const [name = ""] = word.split("=");
    const option = command.options.find(({ long, short }) => long === name || short === name);
    const next = words[k + 1];
    const takesNext =
      !word.includes("=") &&
      (option?.required === true || (option?.optional === true && next?.startsWith("-") === false));
    given.push({ name, words: takesNext && next !== undefined ? [word, next] : [word] });
    if (takesNext) k++;
  }
  return given;
}

/** The options without those named. */
export const wordsWithout = (given: readonly Given[], names: readonly string[]): string[] =>
  given.filter(({ name }) => name !== null && !names.includes(name)).flatMap(({ words }) => words);
