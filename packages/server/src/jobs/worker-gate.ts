/** Lets several predictions into a worker at a time, or one alone. */
export class WorkerGate {
  #inside = 0;
  #hasAlone = false;
  #waiting: { isAlone: boolean; go: () => void }[] = [];

  /** Waits until there is room. @returns what must be called at the end */
  async enter(isAlone: boolean): Promise<() => void> {
    await new Promise<void>((go) => {
      this.#waiting.push({ isAlone, go });
      this.#admit();
    });
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
