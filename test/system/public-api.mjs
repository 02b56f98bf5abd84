/** What the packages export, read from their declarations: names, and the types that their signatures mention. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import ts from "typescript";

/** An entry that promises nothing: its name is `internal`, or begins with `internal/`. */
const isInternal = (entry) => /^\.\/internal(\/|$)/.test(entry);

/** Every entry of every package.json that has types: `{ name: "@slicestack/torch/nn", file, internal }`. */
export function entries(root) {
  return readdirSync(join(root, "packages"))
    .sort()
    .flatMap((folder) => {
      const manifest = JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));
      return Object.entries(manifest.exports ?? {})
        .filter(([, { types }]) => types !== undefined)
        .map(([entry, { types }]) => ({
          name: manifest.name + entry.slice(1),
          file: resolve(root, "packages", folder, types),
          internal: isInternal(entry),
        }));
    });
}

const isValue = (symbol) => (symbol.flags & ts.SymbolFlags.Value) !== 0;
/** `export type { SomeClass }` gives the type of a class, and not the class. */
const isTypeOnly = ({ declarations }) =>
  declarations?.some((at) => ts.isExportSpecifier(at) && (at.isTypeOnly || at.parent.parent.isTypeOnly)) ??
  false;

/** Reads the compiled declarations of the entries. */
export function readApi(root) {
  const found = entries(root);
  const program = ts.createProgram(
    found.map(({ file }) => file),
    { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [], noLib: true },
  );
  const checker = program.getTypeChecker();
  const whole = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const modules = found.map(({ name, file, internal }) => {
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error(`${file} is missing: compile first, npx tsc -b`);
    const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
    const types = new Set(symbols.filter(isTypeOnly).map((symbol) => symbol.name));
    return { name, internal, types, symbols: new Map(symbols.map((symbol) => [symbol.name, whole(symbol)])) };
  });
  return { root, checker, whole, modules };
}

/** The names of each module in order: first what exists when it runs, then what only the compiler knows. */
export function namesOf({ modules }) {
  return Object.fromEntries(
    modules
      .filter(({ internal }) => !internal)
      .map(({ name, symbols, types }) => {
        const runs = ([key, symbol]) => isValue(symbol) && !types.has(key);
        const sorted = [...symbols].sort(([a], [b]) => (a < b ? -1 : 1));
        const namesWhere = (keep) => sorted.filter(keep).map(([key]) => key);
        return [name, { values: namesWhere(runs), types: namesWhere((entry) => !runs(entry)) }];
      }),
  );
}

/**
 * Types of this repository that a public function or class mentions and no public module exports: "module: name > type".
 * A short name that a file gives to a type for itself (`type Rows = number[][]`) is its expansion, and needs no export;
 * nor does a base class, whose members the class has.
 */
export function unnamedTypes({ root, checker, whole, modules }) {
  const open = modules.filter(({ internal }) => !internal);
  const withMembers = (symbol) =>
    symbol.flags & ts.SymbolFlags.ValueModule ? checker.getExportsOfModule(symbol).map(whole) : [symbol];
  const exported = new Set(open.flatMap(({ symbols }) => [...symbols.values()].flatMap(withMembers)));
  const isOurs = ({ fileName }) => /^packages\/[^/]+\/dist\//.test(relative(root, fileName));
  const troubles = open.flatMap(({ name, symbols }) =>
    [...symbols]
      .filter(([, symbol]) => isValue(symbol))
      .flatMap(([key, symbol]) =>
        (symbol.declarations ?? [])
          .filter((declaration) => isOurs(declaration.getSourceFile()))
          .flatMap(mentioned)
          .map((node) => checker.getSymbolAtLocation(node))
          .filter((type) => type !== undefined)
          .map(whole)
          .filter((type) => !(type.flags & ts.SymbolFlags.TypeParameter) && !exported.has(type))
          .filter((type) => type.declarations?.some((at) => isOurs(at.getSourceFile()) && !isShorthand(at)))
          .map((type) => `${name}: ${key} > ${type.name}`),
      ),
  );
  return [...new Set(troubles)].sort();
}

const isShorthand = (node) =>
  ts.isTypeAliasDeclaration(node) && !(ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export);

/** The names of types within a declaration. */
function mentioned(node) {
  const names = [];
  const visit = (at) => {
    // What a class keeps to itself.
    if (
      ts.canHaveModifiers(at) &&
      ts.getCombinedModifierFlags(at) & ts.ModifierFlags.NonPublicAccessibilityModifier
    )
      return;
    if (ts.isTypeReferenceNode(at)) names.push(at.typeName);
    if (ts.isImportTypeNode(at) && at.qualifier !== undefined && !at.isTypeOf) names.push(at.qualifier);
    ts.forEachChild(at, visit);
  };
  visit(node);
  return names;
}
