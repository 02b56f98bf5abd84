/** Resources that are freed together in the reverse order, also if creating their owner fails. */
export class Owned {
  readonly #resources: Disposable[] = [];

  /** The result of `make` owns every resource that was passed to `use`, and frees them by `end`. */
  static by<T>(make: (owned: Owned) => T): T {
    const owned = new Owned();
    try {
      return make(owned);
    } catch (error) {
      owned.end();
      throw error;
    }
  }

  use<T extends Disposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Frees all resources; further calls do nothing. */
  readonly end = (): void => {
    for (const resource of this.#resources.splice(0).reverse()) resource[Symbol.dispose]();
  };
}
