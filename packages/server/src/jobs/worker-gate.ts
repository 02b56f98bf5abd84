/** Lets several predictions into a worker at a time, or one alone. */
export class WorkerGate {
  #inside = 0;
  #hasAlone = false;
  #waiting: { isAlone: boolean; go: () => void }[] = [];

  /** Waits until there is room, or the signal. @returns what must be called at the end */
  async enter(isAlone: boolean, signal: AbortSignal): Promise<() => void> {
    const isInside = await new Promise<boolean>((resolve) => {
      const visitor = { isAlone, go: () => resolve(true) };
      this.#waiting.push(visitor);
      signal.addEventListener("abort", () => {
        if (!this.#waiting.includes(visitor)) return;
        this.#waiting = this.#waiting.filter((one) => one !== visitor);
        resolve(false);
        this.#admit(); // those behind it may enter now
      });
      this.#admit();
    });
    if (!isInside) return () => {};
    return () => {
      this.#inside--;
      this.#hasAlone = false;
      this.#admit();
    };
  }

  /** In the order of arrival, so that one which must be alone is not overtaken for ever. */
  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#hasAlone || (next.isAlone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside++;
      this.#hasAlone = next.isAlone;
      next.go();
    }
  }
}
