/** What this machine has for trials, and what the running ones hold of it. */
import type { Needs } from "../../queue/jobs.js";
import type { GpuPool } from "./gpus.js";

export interface Machine {
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Trials at once, whatever they need. */
  slots: number;
}

/** Held by one trial. */
export interface Booking {
  needs: Needs;
  /** UUIDs. */
  gpus: readonly string[];
}

export class Resources {
  private readonly bookings = new Map<string, Booking>();

  constructor(
    private readonly machine: Machine,
    private readonly gpus: GpuPool,
  ) {}

  /** Whether a trial with these needs could start now. One that needs more than the machine has runs alone. */
  fits(needs: Needs): boolean {
    const { slots, cpus, memory } = this.machine;
    if (this.bookings.size >= slots) return false;
    const isFree = (name: string, all: number) => this.used(name, all) + Math.min(all, needs[name] ?? 0) <= all;
    if (!isFree("cpus", cpus) || !isFree("memory", memory)) return false;
    const { gpus = 0 } = needs;
    return gpus === 0 || this.gpus.free().length >= gpus;
  }

  /** @param token of its lease   @returns null where somebody else has taken a GPU since */
  book(token: string, needs: Needs): Booking | null {
    const gpus = this.gpus.take(needs["gpus"] ?? 0);
    if (gpus === null) return null;
    const booking = { needs, gpus };
    this.bookings.set(token, booking);
    return booking;
  }

  /** Of a trial that goes on from before this process. */
  adopt(token: string, booking: Booking): void {
    this.gpus.adopt(booking.gpus);
    this.bookings.set(token, booking);
  }

  release(token: string): void {
    this.gpus.release(this.bookings.get(token)?.gpus ?? []);
    this.bookings.delete(token);
  }

  private used(name: string, all: number): number {
    return [...this.bookings.values()].reduce((sum, { needs }) => sum + Math.min(all, needs[name] ?? 0), 0);
  }
}
