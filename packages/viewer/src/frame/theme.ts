/** Dark or light. */
import { effect, signal } from "@preact/signals";
import { remembered } from "./remembered.js";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
export const theme = signal<Theme>("system");

export function startTheme(): void {
  remembered("theme", theme, (text): text is Theme => (THEMES as readonly string[]).includes(text), "system");
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}
