/**
 * The module names that a JavaScript or TypeScript file imports, and where they lead.
 * Read by the test runner (which files reach libtorch) and by the architecture test (who may import whom).
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";

/** @typedef {{ name: string, line: number, typeOnly: boolean }} Import */

/** Every import of a file: static, re-exported, dynamic, `import("x")` types, and `require`. @returns {Import[]} */
export function importsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest);
  const found = [];
  const add = (literal, typeOnly) => {
    const line = source.getLineAndCharacterOfPosition(literal.getStart(source)).line + 1;
    found.push({ name: literal.text, line, typeOnly });
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (isLoadCall(node)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isLoadCall(node) {
  if (!ts.isCallExpression(node) || !node.arguments[0] || !ts.isStringLiteralLike(node.arguments[0]))
    return false;
  const callee = node.expression;
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require")
  );
}

/** The file of a relative import, or undefined. In TypeScript sources `./x.js` refers to `./x.ts`. */
export function resolveRelative(file, name) {
  if (!name.startsWith(".")) return undefined;
  const target = resolve(dirname(file), name);
  const candidates = [".ts", ".tsx"].map((ending) => target.replace(/\.js$/, ending));
  return [target, ...candidates, join(target, "index.js")].find(
    (path) => existsSync(path) && /\.[cm]?[jt]sx?$/.test(path),
  );
}

/** All bare module names that a file reaches through its relative imports. @returns {Set<string>} */
export function reachedModules(file, seen = new Set([file]), names = new Set()) {
  for (const { name } of importsOf(file).filter((found) => !found.typeOnly)) {
    const next = resolveRelative(file, name);
    if (next === undefined) names.add(name);
    else if (!seen.has(next)) reachedModules(next, seen.add(next), names);
  }
  return names;
}
