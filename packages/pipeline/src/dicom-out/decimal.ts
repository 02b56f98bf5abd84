/** A number as VR DS, which holds at most 16 characters. @param digits significant ones, fewer where 16 characters need it */
export function decimal(value: number, digits = 15): string {
  for (let most = digits; most > 1; most--) {
    const text = String(Number(value.toPrecision(most)));
    if (text.length <= 16) return text;
  }
  return value.toExponential(1);
}
