/**
 * Runs the jobs of a queue as processes on this machine, as many at the same time as its resources allow. Safe to kill
 * at any time: every process is started behind a gate, recorded, and only then released. The next pool takes over
 * processes that are still running, and determines how the others ended.
 */
import { isGone, isVisible, type Owner } from "../../data/lock-owner.js";
import { diskShortageOf } from "../../engine/system-errors.js";
import type { Asked, Job, JobState, Lease } from "../../queue/jobs.js";
import type { LeaseQueue } from "../../queue/lease-queue.js";
import { GatedChild, signalGroup, type Command, type Exit, type Started } from "./gated-child.js";
import { InsideWork, type Inside } from "./inside-work.js";
import type { Booking, Resources } from "./resources.js";

/** The consequence of the end of a process for its job. */
export type Verdict =
  | { is: "done"; result: unknown }
  /** It is retried while it has attempts left; `isFinal`: it would fail again in the same way. */
  | { is: "failed"; error: string; isFinal?: boolean }
  /** It waits again, or is paused or cancelled as requested; a given payload replaces its own. */
  | { is: "released"; detail?: string; payload?: unknown }
  | { is: "cancelled"; why: string };

/** Why a process was asked to end: a request from outside, or the end of this pool. */
export type Wish = Asked | "stop";

export interface PoolWork {
  /**
   * Called before each start; returns the process of a job, its work inside this process, or its result if there is
   * nothing left to do.
   */
  command(lease: Lease, booking: Booking): Command | { inside: Inside } | { result: unknown };
  /** @param exit null if the process ended unobserved   @returns null if its outcome is unknown: the job was lost */
  judge(lease: Lease, exit: Exit | null, wish: Wish | null): Verdict | null;
  /** While true, nothing is started. */
  readonly isHalted?: boolean;
  onStart?: (lease: Lease) => void;
  onEnd?: (lease: Lease, verdict: Verdict | null, state: JobState) => void;
}

export interface PoolOptions {
  queue: LeaseQueue;
  resources: Resources;
  work: PoolWork;
  /**
   * Milliseconds from SIGTERM to SIGKILL; default ten minutes, because a training saves only after its current step.
   */
  grace?: number;
}

interface Running {
  lease: Lease;
  owner: Owner;
  /** Whether it was started before this pool, which can then observe that it ended, but not how. */
  isAdopted: boolean;
  signal: Started["signal"];
  exit: Exit | "unseen" | null;
  wish: Wish | null;
  /** When it will be killed. */
  deadline: number;
}

/** A lease whose process waits behind its gate. */
interface Starting {
  lease: Lease;
  child: Started;
}

const TEN_MINUTES = 600_000;
/** Milliseconds between heartbeats, and thus the longest delay of a request from outside. */
const BETWEEN_BEATS = 500;
/** Milliseconds between two looks at leases of processes that cannot be seen from here. */
const BETWEEN_LOOKS = 5000;

export class JobPool {
  private readonly running = new Map<string, Running>();
  private wake: () => void = () => undefined;
  private lastBeat = 0;
  private lastLook = 0;
  private hasUnseen = false;

  constructor(private readonly options: PoolOptions) {}

  /** The leases of all running processes, oldest first. */
  get leases(): Lease[] {
    return [...this.running.values()].map(({ lease }) => lease);
  }

  /**
   * Takes over from an earlier pool: processes that are still running, and jobs whose processes have ended unobserved.
   */
  adopt(): void {
    const { queue, resources, work } = this.options;
    for (const job of queue.list({ states: ["leased"] })) {
      const lease = leaseOfJob(job);
      if (job.owner === null || lease === null) continue;
      const { gpus } = bookedIn(job.payload);
      if (isGone(job.owner)) {
        const verdict = work.judge(lease, null, null);
        if (verdict !== null) this.settle(lease, verdict);
        continue;
      }
      // Of another container, or from before its restart: its process id is somebody else's here, and its lease runs out.
      if (!isVisible(job.owner)) {
        this.hasUnseen = true;
        continue;
      }
      resources.adopt(lease.token, { needs: lease.needs, gpus });
      const { owner } = job;
      const signal = (name: "SIGTERM" | "SIGKILL") => signalGroup(owner.pid, name);
      const one = { lease, owner, isAdopted: true, signal, exit: null, wish: null, deadline: Infinity };
      this.running.set(lease.token, one);
    }
    this.reclaim();
  }

  /**
   * Handles ended processes and requests, and starts what can start.
   * @returns whether a process ended or was started
   */
  round(): boolean {
    const { queue, resources, work } = this.options;
    this.obey();
    this.lookForUnseen();
    const ended = this.ended();
    if (ended.length === 0 && !queue.isReady) return false;
    const starting: Starting[] = [];
    let leased = 0;
    try {
      // A single commit records what has ended, and what starts; a commit waits for the disk.
      queue.together(() => {
        this.settleAll(ended);
        if (work.isHalted !== true) leased = this.dispatch(starting);
      });
    } catch (error) {
      for (const { lease, child } of starting) {
        child.discard();
        resources.release(lease.token);
      }
      throw error;
    }
    for (const one of starting) this.letGo(one);
    this.reclaimUnseen(ended);
    return leased > 0 || ended.length > 0;
  }

  /** Waits until a process ends, or for so many milliseconds. */
  async wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true || [...this.running.values()].some(({ exit }) => exit !== null)) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener("abort", end, { once: true });
      this.wake = end;
    });
  }

  /** Asks all processes to save and end, and waits for them. Their jobs return to the queue. */
  async stop(): Promise<void> {
    for (const one of this.running.values()) this.tell(one, "stop");
    while (this.running.size > 0) {
      await this.wait(500);
      const ended = this.ended();
      this.options.queue.together(() => this.settleAll(ended));
      this.reclaimUnseen(ended);
      this.killLate();
    }
  }

  /** Asks all processes to end without waiting for them, because this process itself is ending. */
  abandon(): void {
    for (const one of this.running.values()) one.signal("SIGTERM");
  }

  /** Ends the process of a job; the wish is passed to `judge`. */
  end(key: string, wish: Wish): void {
    for (const one of this.running.values()) if (one.lease.key === key) this.tell(one, wish);
  }

  /** The processes that have ended since the last round. */
  private ended(): Running[] {
    return [...this.running.values()].filter((one) => {
      if (one.exit === null && one.isAdopted && isGone(one.owner)) one.exit = "unseen";
      return one.exit !== null;
    });
  }

  private settleAll(ended: readonly Running[]): void {
    for (const { lease, exit, wish } of ended) {
      const verdict = this.options.work.judge(lease, exit === "unseen" ? null : exit, wish);
      if (verdict !== null) this.settle(lease, verdict);
      this.forget(lease.token);
    }
  }

  private reclaimUnseen(ended: readonly Running[]): void {
    if (ended.some(({ exit }) => exit === "unseen")) this.reclaim();
  }

  private forget(token: string): void {
    this.running.delete(token);
    this.options.resources.release(token);
  }

  private lookForUnseen(): void {
    if (!this.hasUnseen || Date.now() - this.lastLook < BETWEEN_LOOKS) return;
    this.lastLook = Date.now();
    this.reclaim();
    const leased = this.options.queue.list({ states: ["leased"] });
    this.hasUnseen = leased.some(({ token }) => token !== null && !this.running.has(token));
  }

  /** Reclaims jobs whose processes are gone and whose outcome is unknown. */
  private reclaim(): void {
    const { queue, work } = this.options;
    for (const job of queue.reclaim(new Set(this.running.keys()))) {
      const lease = leaseOfJob(job);
      if (lease !== null) work.onEnd?.(lease, null, queue.find(job.key)?.state ?? "queued");
    }
  }

  private settle(lease: Lease, verdict: Verdict): void {
    const { queue, work } = this.options;
    const state = queue.together((): JobState => {
      if (verdict.is === "done") queue.complete(lease.token, verdict.result);
      if (verdict.is === "cancelled") queue.abandon(lease.token, verdict.why);
      if (verdict.is === "failed")
        return queue.fail(lease.token, verdict.error, { isFinal: verdict.isFinal ?? false });
      if (verdict.is !== "released") return verdict.is;
      if (verdict.payload !== undefined) queue.amend(lease.token, verdict.payload);
      return queue.release(lease.token, verdict.detail ?? null);
    });
    work.onEnd?.(lease, verdict, state);
  }

  /** Sends the heartbeat, and follows the requests that it returns. */
  private obey(): void {
    if (this.running.size === 0 || Date.now() - this.lastBeat < BETWEEN_BEATS) return;
    this.lastBeat = Date.now();
    const { lost, asked } = this.options.queue.heartbeat([...this.running.keys()]);
    for (const token of lost) {
      this.running.get(token)?.signal("SIGKILL");
      this.forget(token);
    }
    for (const [token, wish] of asked) {
      const one = this.running.get(token);
      if (one !== undefined) this.tell(one, wish);
    }
    this.killLate();
  }

  private tell(one: Running, wish: Wish): void {
    if (one.wish === wish) return;
    if (one.wish === null) {
      one.signal("SIGTERM");
      one.deadline = Date.now() + (this.options.grace ?? TEN_MINUTES);
    }
    one.wish = wish;
  }

  private killLate(): void {
    for (const one of this.running.values()) if (Date.now() > one.deadline) one.signal("SIGKILL");
  }

  /** Starts what fits, in a transaction: nothing begins its work before that is committed. @returns how many were leased */
  private dispatch(starting: Starting[]): number {
    const { queue, resources, work } = this.options;
    const bookings = new Map<string, Booking>();
    const leases = queue.lease({
      most: 1000,
      fits: (needs) => resources.fits(needs),
      taken: ({ token, needs }) => {
        const booking = resources.book(token, needs);
        if (booking !== null) bookings.set(token, booking);
      },
    });
    for (const lease of leases) {
      const booking = bookings.get(lease.token);
      if (booking === undefined) {
        queue.release(lease.token, "a GPU was taken by another process");
        continue;
      }
      try {
        const command = work.command(lease, booking);
        if ("result" in command) {
          resources.release(lease.token);
          this.settle(lease, { is: "done", result: command.result });
          continue;
        }
        const child = "inside" in command ? new InsideWork(command.inside) : GatedChild.start(command);
        starting.push({ lease, child });
      } catch (error) {
        resources.release(lease.token);
        if (diskShortageOf(error) !== null) throw error;
        this.settle(lease, { is: "failed", error: error instanceof Error ? error.message : String(error) });
      }
    }
    for (const { lease, child } of starting) {
      queue.handOver(lease.token, child.owner);
      const { gpus } = bookings.get(lease.token)!;
      if (gpus.length > 0) queue.amend(lease.token, withBooked(lease.payload, gpus));
    }
    return leases.length;
  }

  /** Lets a process begin, now that its id is on disk. */
  private letGo({ lease, child }: Starting): void {
    const signal = (name: "SIGTERM" | "SIGKILL") => child.signal(name);
    const { owner } = child;
    const one: Running = {
      lease,
      owner,
      isAdopted: false,
      signal,
      exit: null,
      wish: null,
      deadline: Infinity,
    };
    this.running.set(lease.token, one);
    void child.ended.then((exit) => {
      // Processes that it started and left behind would still hold resources that are now given to the next job.
      child.signal("SIGKILL");
      one.exit = exit;
      this.wake();
    });
    child.open();
    this.options.work.onStart?.(lease);
  }
}

/** Name of the setting that stores the GPUs of a running trial, so that the next pool knows them. */
const BOOKED = "gpus of the running attempt";

function withBooked(payload: unknown, gpus: readonly string[]): unknown {
  return { ...(typeof payload === "object" ? payload : {}), [BOOKED]: gpus };
}

function bookedIn(payload: unknown): { gpus: string[] } {
  const gpus = (payload as Record<string, unknown> | null)?.[BOOKED];
  return { gpus: Array.isArray(gpus) ? gpus.map(String) : [] };
}

function leaseOfJob({ key, kind, payload, needs, priority, token, failures, losses }: Job): Lease | null {
  if (token === null) return null;
  return { key, kind, payload, needs, priority, token, attempt: failures + losses + 1, until: 0 };
}
