/**
 * Detects keys that appear twice in an object of a JSON text: JSON.parse accepts them, but two readers may then see
 * different content.
 */

/** @param text JSON that JSON.parse accepts @throws Error which names the first key that is repeated */
export function refuseRepeatedKeys(text: string): void {
  // The keys of the enclosing objects; null for a list.
  const around: (Set<string> | null)[] = [];
  // Matches whole strings, so that brackets and quotes within them are ignored; a string before a colon is a key.
  for (const [token, , colon] of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    if (token === "{") around.push(new Set());
    else if (token === "[") around.push(null);
    else if (token === "}" || token === "]") around.pop();
    else if (colon !== undefined) {
      const key: unknown = JSON.parse(token.slice(0, -colon.length));
      const keys = around.at(-1);
      if (typeof key !== "string" || !(keys instanceof Set)) continue;
      if (keys.has(key)) throw new Error(`the key ${JSON.stringify(key)} appears twice`);
      keys.add(key);
    }
  }
}
