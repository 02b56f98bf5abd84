/** Forward hooks: they wrap a module's `forward`, whatever its signature, as long as a hook is registered. */
import { ArgumentError } from "../errors.js";

/** Called after each `forward` of a module M; what it returns, if anything, replaces the output. */
export type ForwardHook<M = object> = (module: M, inputs: readonly unknown[], output: unknown) => unknown;
/** Called before each `forward` of a module M; the list that it returns, if any, replaces the inputs. */
export type ForwardPreHook<M = object> = (
  module: M,
  inputs: readonly unknown[],
) => readonly unknown[] | undefined;

interface Hooks {
  before: Set<ForwardPreHook>;
  after: Set<ForwardHook>;
}

type Forward = (this: object, ...inputs: unknown[]) => unknown;

const hooksOf = new WeakMap<object, Hooks>();

export function addHook<K extends keyof Hooks>(
  module: object,
  when: K,
  hook: K extends "before" ? ForwardPreHook : ForwardHook,
): Disposable {
  const name = module.constructor.name;
  if (typeof (hook as unknown) !== "function")
    throw new ArgumentError(`hook: expected a function, received ${typeof hook}`, name);
  const hooks = hooksOf.get(module) ?? wrapForward(module, name);
  // A hook that is registered twice is called twice.
  const own = ((...given: never[]) => (hook as (...all: never[]) => unknown)(...given)) as typeof hook;
  const all = hooks[when] as Set<typeof hook>;
  all.add(own);
  return {
    [Symbol.dispose]: () => {
      all.delete(own);
      if (hooks.before.size + hooks.after.size > 0 || hooksOf.get(module) !== hooks) return;
      hooksOf.delete(module);
      Reflect.deleteProperty(module, "forward"); // makes the method of the class visible again
    },
  };
}

function wrapForward(module: object, name: string): Hooks {
  const { forward } = module as { forward?: unknown };
  if (typeof forward !== "function")
    throw new ArgumentError("expected a module with a method forward, received one without", name);
  const hooks: Hooks = { before: new Set(), after: new Set() };
  hooksOf.set(module, hooks);
  const hooked: Forward = function (...given) {
    let inputs: readonly unknown[] = given;
    for (const hook of [...hooks.before]) inputs = hook(this, inputs) ?? inputs;
    let output = (forward as Forward).call(this, ...inputs);
    for (const hook of [...hooks.after]) output = hook(this, inputs, output) ?? output;
    return output;
  };
  // Not enumerable, so that it is not listed among the settings of the module.
  Object.defineProperty(module, "forward", {
    value: hooked,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  return hooks;
}
