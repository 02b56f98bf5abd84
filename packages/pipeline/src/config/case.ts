/** Files spell keys in snake_case, as the field does; the program in camelCase, as the language does. */

type CamelCase<S> = S extends `${infer First}_${infer Rest}` ? `${First}${Capitalize<CamelCase<Rest>>}` : S;
export type Camel<T> = { [K in keyof T as CamelCase<K>]: T[K] };

type SnakeCase<S> = S extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : S;
export type Snake<T> = { [K in keyof T as SnakeCase<K>]: T[K] };

/** The values as they are under camelCase keys; what lies deeper stays as it is. */
export function camelKeys<T extends object>(section: T): Camel<T> {
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => [camelOf(name), value as unknown]),
  ) as Camel<T>;
}

/** The names of keys are few, and a sweep reads them ten thousand times. */
const camelNames = new Map<string, string>();

function camelOf(name: string): string {
  let camel = camelNames.get(name);
  if (camel === undefined) {
    camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    camelNames.set(name, camel);
  }
  return camel;
}

/** The inverse of camelKeys. */
export function snakeKeys<T extends object>(section: T): Snake<T> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => [snake(name), value as unknown]),
  ) as Snake<T>;
}
