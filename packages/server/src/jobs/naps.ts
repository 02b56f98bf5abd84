/** Pauses that can be ended early, all at once. Unlike a race with a promise that stays pending, one leaves nothing behind. */
export class Naps {
  readonly #ends = new Set<() => void>();

  /** Waits for so many milliseconds, or until `end` is called. */
  take(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#ends.delete(end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#ends.add(end);
    });
  }

  end(): void {
    for (const end of [...this.#ends]) end();
  }
}
