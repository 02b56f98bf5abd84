/** No committed file may contain a path of the machine on which it was written, or the host of a package registry mirror. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync } from "node:fs";

// Written in pieces, so that this file passes its own check.
const forbidden = [
  ["a folder of the machine", "/wor" + "k/"],
  ["a folder of the machine", "/tm" + "p/plan"],
  ["a folder of the machine", "/roo" + "t/"],
  ["a folder of the machine", "\\.librar" + "y\\b"],
  ["a package mirror", "artifactor" + "y|/api/np" + "m/|npm-prox" + "y|verdacci" + "o"],
  ["a private address", "https?://(?:10|192\\.168|172\\.(?:1[6-9]|2\\d|3[01]))\\.[\\d.]+"],
].map(([what, pattern]) => [what, new RegExp(pattern)]);
// The lock file may contain only one host: the public registry.
const registry = /"resolved": "(?!https:\/\/registry\.npmjs\.org\/|packages\/)/;

let files;
try {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  });
  files = listed.split("\0").filter((file) => file !== "" && existsSync(file) && lstatSync(file).isFile());
} catch {
  console.log("lint: words: skipped, because this is not a git checkout");
  files = [];
}

const troubles = [];
for (const file of files) {
  const bytes = readFileSync(file);
  if (bytes.subarray(0, 8192).includes(0)) continue; // binary
  const lines = bytes.toString("utf8").split("\n");
  const rules =
    file === "package-lock.json"
      ? [...forbidden, ["a host that is not the public registry", registry]]
      : forbidden;
  lines.forEach((line, index) => {
    for (const [what, pattern] of rules) {
      if (pattern.test(line))
        troubles.push(`${file}:${index + 1}: names ${what}: ${line.trim().slice(0, 120)}`);
    }
  });
}
for (const trouble of troubles) console.error(trouble);
process.exitCode = troubles.length > 0 ? 1 : 0;
