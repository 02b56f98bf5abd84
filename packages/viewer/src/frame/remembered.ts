/** Choices that outlast a reload. A browser that keeps nothing for this page (a private window) is no error. */
import { effect, type Signal } from "@preact/signals";

export function remembered<T extends string>(
  name: string,
  choice: Signal<T>,
  isChoice: (text: string) => text is T,
  otherwise: T,
): void {
  const key = `slicestack.${name}`;
  choice.value = otherwise;
  try {
    const kept = localStorage.getItem(key);
    if (kept !== null && isChoice(kept)) choice.value = kept;
  } catch {
    return;
  }
  effect(() => {
    try {
      localStorage.setItem(key, choice.value);
    } catch {
      // Full, or forbidden: the choice holds until the page is closed.
    }
  });
}
