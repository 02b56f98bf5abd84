/** The language of the page, and numbers as it writes them. */
import { computed, effect, signal } from "@preact/signals";
import { remembered } from "../frame/remembered.js";
import { english, type Words } from "./english.js";
import { german } from "./german.js";

export const LANGUAGES = { en: english, de: german } as const satisfies Record<string, Words>;
export type Language = keyof typeof LANGUAGES;

const isLanguage = (text: string): text is Language => Object.hasOwn(LANGUAGES, text);
const ofBrowser = (): Language => {
  const [first = "en"] = navigator.language.split("-");
  return isLanguage(first) ? first : "en";
};

export const language = signal<Language>("en");
/** The texts in the chosen language: `words.value.title`. */
export const words = computed<Words>(() => LANGUAGES[language.value]);

export function startLanguage(): void {
  remembered("language", language, isLanguage, ofBrowser());
  effect(() => {
    document.documentElement.lang = language.value;
    document.title = words.value.title;
  });
}

export const percent = (share: number): string =>
  share.toLocaleString(language.value, {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });

/** @param digits most decimals; as many as that are kept with `fixed` */
export const decimal = (value: number, digits: number, { fixed = false } = {}): string =>
  value.toLocaleString(language.value, {
    maximumFractionDigits: digits,
    minimumFractionDigits: fixed ? digits : 0,
  });
