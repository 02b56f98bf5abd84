/**
 * docs/reference/api: the public functions, classes and types of every package, made by typedoc from the doc comments.
 *
 *   node scripts/api-reference.mjs            write the pages
 *   node scripts/api-reference.mjs --check    exit with 1 where a page is not what the sources say
 *
 * The entry points are those that each package.json exports, but `internal`: nothing else is public.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Application, ReflectionKind } from "typedoc";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "docs/reference/api");
const { values: options } = parseArgs({ options: { check: { type: "boolean" } } });

/** The TypeScript source of each module that a package exports. */
function entryPoints() {
  return readdirSync(join(root, "packages"))
    .sort()
    .flatMap((name) => {
      const { exports = {} } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
      return Object.entries(exports)
        .filter(([name, entry]) => entry.types !== undefined && !/^\.\/internal(\/|$)/.test(name))
        .map(([, { types }]) =>
          join("packages", name, types.replace("/dist/", "/").replace(/\.d\.ts$/, ".ts")),
        );
    });
}

/** Writes the pages into `out`. @throws Error where typedoc reports an error */
async function generate(out) {
  const app = await Application.bootstrapWithPlugins({
    name: "API reference",
    entryPoints: entryPoints(),
    tsconfig: "tsconfig.json",
    plugin: ["typedoc-plugin-markdown"],
    readme: "none",
    out,
    router: "module",
    excludeInternal: true,
    excludeExternals: true, // zod, which /plugins passes on, has documentation of its own
    excludePrivate: true,
    excludeProtected: true,
    disableSources: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    typeDeclarationFormat: "table",
    enumMembersFormat: "table",
    cleanOutputDir: true,
    logLevel: "Error",
    validation: false,
    skipErrorChecking: true, // the build checks types
  });
  const project = await app.convert();
  if (project === undefined || app.logger.hasErrors())
    throw new Error("typedoc could not read the sources; see above");
  nameModules(project);
  removeInherited(project);
  removeReexported(project);
  shortenSchemas(project);
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error("typedoc could not write the pages; see above");
}

/** "torch/src/nn" is imported as "@slicestack/torch/nn". */
function nameModules(project) {
  for (const module of project.children ?? []) module.name = module.name.replace(/\/src(?=\/|$)/, "");
}

/** What a class has from the class that it extends is documented there. */
function removeInherited(project) {
  const inherited = Object.values(project.reflections).filter(
    ({ inheritedFrom, parent }) =>
      inheritedFrom !== undefined && parent?.kindOf(ReflectionKind.ClassOrInterface),
  );
  for (const reflection of inherited) {
    const { parent } = reflection;
    project.removeReflection(reflection);
    for (const group of parent.groups ?? [])
      group.children = group.children.filter((child) => child !== reflection);
    parent.groups = parent.groups?.filter(({ children }) => children.length > 0);
  }
}

/** What is passed on from another package is only named on the page of the module; without its members it would be an empty page. */
function removeReexported(project) {
  for (const reflection of project.getReflectionsByKind(ReflectionKind.Namespace))
    if ((reflection.children ?? []).length === 0) project.removeReflection(reflection);
}

/** The type of a zod schema repeats the schema within zod's types, over many lines; `ZodObject` alone says what it is. */
function shortenSchemas(project) {
  for (const variable of project.getReflectionsByKind(ReflectionKind.Variable))
    if (/^Zod/.test(variable.type?.name ?? "")) variable.type.typeArguments = undefined;
}

const pagesOf = (folder) =>
  existsSync(folder)
    ? new Map(
        readdirSync(folder, { recursive: true })
          .filter((name) => name.endsWith(".md"))
          .sort()
          .map((name) => [name, readFileSync(join(folder, name), "utf8")]),
      )
    : new Map();

process.chdir(root);
if (options.check) {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-api-"));
  try {
    await generate(folder);
    const [before, now] = [pagesOf(target), pagesOf(folder)];
    const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
      (name) => before.get(name) !== now.get(name),
    );
    for (const name of changed) console.error(`docs/reference/api/${name} is not what the sources say`);
    if (changed.length > 0) {
      console.error("Write them again: node scripts/api-reference.mjs");
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  await generate(target);
  console.log(`slicestack: API reference: ${pagesOf(target).size} pages in docs/reference/api`);
}
