/** Resources with one end: freed together, in the opposite order, or where making what owns them fails. */
export class Owned {
  readonly #resources: Disposable[] = [];

  /** What `make` makes owns all that it hands to `use`, and ends it by `end`. */
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

  /** Once; again it does nothing. */
  readonly end = (): void => {
    for (const resource of this.#resources.splice(0).reverse()) resource[Symbol.dispose]();
  };
}
