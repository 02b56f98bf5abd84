/** Shows a sweep while it runs: on a terminal a table that is drawn again below the lines of its events, else lines alone. */
import type { SweepEvent, SweepStatus } from "@slicestack/pipeline/internal";
import { printable } from "./printable.js";
import type { ViewStream } from "./progress-view.js";
import { eventText, runningRows, standText } from "./sweep-text.js";

export interface SweepView {
  event(event: SweepEvent): void;
  status(status: SweepStatus): void;
  /** Removes the table. */
  close(): void;
}

/** @param now milliseconds since 1970 */
export function createSweepView(
  stream: ViewStream & { columns?: number },
  now: () => number = Date.now,
): SweepView {
  return stream.isTTY === true ? new TableView(stream, now) : new LinesView(stream, now);
}

const MINUTE = 60_000;

class LinesView implements SweepView {
  private objective = "objective";
  private printed: number;

  constructor(
    private readonly stream: ViewStream,
    private readonly now: () => number,
  ) {
    this.printed = now();
  }

  event(event: SweepEvent): void {
    this.stream.write(`${printable(eventText(event, this.objective))}\n`);
  }

  status(status: SweepStatus): void {
    this.objective = status.objective;
    if (this.now() - this.printed < MINUTE) return;
    this.printed = this.now();
    this.stream.write(`${printable(standText(status))}\n`);
  }

  close(): void {
    // Nothing is left to remove.
  }
}

/** More running trials than this are counted. */
const MOST_ROWS = 16;

class TableView implements SweepView {
  private last: SweepStatus | null = null;
  private drawn = 0;

  constructor(
    private readonly stream: ViewStream & { columns?: number },
    private readonly now: () => number,
  ) {}

  event(event: SweepEvent): void {
    this.close();
    // That a trial started shows in the table.
    if (event.kind !== "started")
      this.stream.write(`${printable(eventText(event, this.last?.objective ?? "objective"))}\n`);
    this.draw();
  }

  status(status: SweepStatus): void {
    this.last = status;
    this.close();
    this.draw();
  }

  close(): void {
    // Up to the first line of the table, and everything below it cleared.
    if (this.drawn > 0) this.stream.write(`\u001b[${this.drawn}A\r\u001b[J`);
    this.drawn = 0;
  }

  private draw(): void {
    if (this.last === null) return;
    const rows = runningRows(this.last, this.now());
    const more = rows.length > MOST_ROWS ? [`  … and ${rows.length - MOST_ROWS} more`] : [];
    const lines = [standText(this.last), ...rows.slice(0, MOST_ROWS), ...more];
    const width = (this.stream.columns ?? 80) - 1;
    for (const line of lines) this.stream.write(`${[...printable(line)].slice(0, width).join("")}\n`);
    this.drawn = lines.length;
  }
}
