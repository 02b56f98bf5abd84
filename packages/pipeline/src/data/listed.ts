/** The first names of a list, and the number of the others, so that messages stay short. */
export function listed(names: readonly string[], most = 8): string {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
