/**
 * The valid keys that an unknown key most likely means, best first, at most two.
 * A name that fits in another section is found too: "learning_rate" → "slice.learning_rate", "head.learning_rate".
 */
export function nearestKeys(unknown: string, known: readonly string[]): string[] {
  const scored = known.map((name) => ({ name, score: keyDistance(unknown, name) }));
  const best = Math.min(...scored.map(({ score }) => score));
  const limit = Math.max(2, Math.floor(leafOf(unknown).length / 3));
  if (best > limit) return [];
  return scored
    .filter(({ score }) => score === best)
    .slice(0, 2)
    .map(({ name }) => name);
}

function keyDistance(unknown: string, name: string): number {
  const [leaf, candidate] = [plain(leafOf(unknown)), plain(leafOf(name))];
  const elsewhere = sectionOf(unknown) === sectionOf(name) ? 0 : 0.5;
  const contained =
    Math.min(leaf.length, candidate.length) >= 4 && (leaf.includes(candidate) || candidate.includes(leaf));
  const byLeaf = elsewhere + Math.min(editDistance(leaf, candidate), contained ? 1.5 : Infinity);
  return Math.min(byLeaf, editDistance(plain(unknown), plain(name)));
}

const leafOf = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
const sectionOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")));
const plain = (name: string): string => name.toLowerCase().replace(/[_-]/g, "");

/** Levenshtein distance: insertions, deletions and substitutions each cost 1. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
