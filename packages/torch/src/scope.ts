/**
 * Scopes: every tensor created inside is freed at the end, except for those that are handed out. This keeps memory
 * constant.
 */
import { ArgumentError } from "./errors.js";
import { native } from "./native/load.js";
import { Tensor } from "./tensor.js";
import { isScoped } from "./tensor-handle.js";

/**
 * Frees at its end every tensor that was created since its start.
 * Scopes nest, end in reverse order, and are synchronous: no `await` between start and end.
 * @example
 * for (const batch of batches) {
 *   using step = new Scope();
 *   …
 * }
 */
export class Scope implements Disposable {
  readonly #id: number;
  readonly #survivors: Tensor[] = [];
  #open = true;

  constructor() {
    this.#id = native().beginScope();
    isScoped.depth++;
  }

  /** Hands a tensor to the enclosing scope. @returns the same value */
  pass<T>(value: T): T {
    collectTensors(value, this.#survivors);
    return value;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    native().endScope(
      this.#id,
      this.#survivors.map((tensor) => tensor.handle),
    );
    this.#open = false;
    isScoped.depth--;
    if (isScoped.depth === 0) for (const tensor of this.#survivors) tensor.watch();
  }
}

/**
 * Runs `body`, frees every tensor that it created, and returns its result; tensors in the result (alone, in arrays, in
 * plain objects, in Maps) are handed to the enclosing scope.
 * @throws ArgumentError where `body` returns a Promise
 */
export function scope<T>(body: () => T): T {
  using inner = new Scope();
  const result = body();
  if (result instanceof Promise) {
    // Once the scope has refused the promise, nothing else handles its rejection.
    result.catch(() => undefined);
    throw new ArgumentError(
      "expected a synchronous body, received a Promise; scopes end before it would settle",
      "scope",
    );
  }
  return inner.pass(result);
}

/** @param path the containers around `value`, so that a container that contains itself is entered once */
function collectTensors(value: unknown, into: Tensor[], path: readonly unknown[] = []): void {
  if (value instanceof Tensor) {
    into.push(value);
    return;
  }
  if (typeof value !== "object" || value === null || path.includes(value)) return;
  const inner = [...path, value];
  if (Array.isArray(value)) for (const item of value) collectTensors(item, into, inner);
  else if (value instanceof Map) for (const item of value.values()) collectTensors(item, into, inner);
  else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collectTensors(item, into, inner);
  }
}

/** Number of live tensors of this thread, which tests compare before and after. */
export function liveTensors(): number {
  return native().liveTensors();
}

/** Bytes of the live tensors of this thread, each storage counted once. */
export function liveBytes(): number {
  return native().liveBytes();
}

/** The count, the bytes and the `most` largest live tensors of this thread, as text. */
export function describeLiveTensors(most = 10): string {
  return native().describeLive(most);
}
