/** Ranks are killed at any moment: the others always end with an error, never by a signal or not at all. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../native/fuzz-values.js";
import { freePort, groupTest, spawnRank } from "./ranks.js";

const RANKS = 3;
const random = seeded(20251124);

for (let round = 0; round < 30; round++) {
  const [victim, operation] = [round % RANKS, round % 2 === 0 ? "allReduce" : "backward"];
  const meeting = round % 3 === 0;
  const delay = meeting ? 200 + random() * 1300 : random() * 80;
  groupTest(
    `round ${round}: rank ${victim} is killed ${meeting ? "around the meeting" : `in ${operation}`}`,
    async () => {
      const port = await freePort();
      const ranks = Array.from({ length: RANKS }, (_, rank) =>
        spawnRank({
          scenario: "peer",
          rank,
          worldSize: RANKS,
          port,
          timeoutSeconds: 3,
          detail: `run ${operation}`,
        }),
      );
      if (!meeting) await ranks.at(-1)?.line("here");
      await sleep(delay);
      ranks[victim]?.process.kill("SIGKILL");
      const ends = await Promise.all(ranks.map(({ end }) => end));
      // 0: the error came in training, and the rank went on alone. 1: it came from joining, which nothing catches here.
      ends.forEach((end, rank) =>
        assert.ok(rank === victim ? end === "SIGKILL" : end === 0 || end === 1, `rank ${rank}: ${end}`),
      );
    },
  );
}
