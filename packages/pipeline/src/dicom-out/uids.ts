/**
 * UIDs that follow from what an object states, so that the same prediction always has the same UIDs: a name-based UUID
 * (RFC 9562, version 5) as a UID below 2.25 (PS3.5 B.2).
 */
import { createHash } from "node:crypto";

/** The namespace of all such UUIDs; a random one, fixed for ever. */
const NAMESPACE = Buffer.from("4de9eaf8da614d93a5cf64ddd370d136", "hex");

/** @param facts everything that distinguishes the object from others */
export function uidOf(...facts: readonly string[]): string {
  const hash = createHash("sha1").update(NAMESPACE).update(JSON.stringify(facts)).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${hash.toString("hex")}`)}`;
}
