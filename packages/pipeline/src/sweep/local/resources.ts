/** Keeps account of the resources of this machine, and of those held by running trials. */
import type { Needs } from "../../queue/jobs.js";
import type { GpuPool } from "./gpus.js";

export interface Machine {
  cpus: number;
  /** Bytes. */
  memory: number;
  /** The most trials at the same time, whatever they need. */
  slots: number;
}

/** The resources held by one trial. */
export interface Booking {
  needs: Needs;
  /** UUIDs of GPUs. */
  gpus: readonly string[];
}

export class Resources {
  private readonly bookings = new Map<string, Booking>();

  constructor(
    private readonly machine: Machine,
    private readonly gpus: GpuPool,
  ) {}

  /** Whether a trial with these needs could start now. A trial that needs more than the machine has runs alone. */
  fits(needs: Needs): boolean {
    const { slots, cpus, memory } = this.machine;
    if (this.bookings.size >= slots) return false;
    const isFree = (name: string, all: number) =>
      this.used(name, all) + Math.min(all, needs[name] ?? 0) <= all;
    if (!isFree("cpus", cpus) || !isFree("memory", memory)) return false;
    const { gpus = 0 } = needs;
    return gpus === 0 || this.gpus.free().length >= gpus;
  }

  /** @param token the token of the lease   @returns null if another process took a GPU in the meantime */
  book(token: string, needs: Needs): Booking | null {
    const gpus = this.gpus.take(needs["gpus"] ?? 0);
    if (gpus === null) return null;
    const booking = { needs, gpus };
    this.bookings.set(token, booking);
    return booking;
  }

  /** Books the resources of a trial that was started before this process and is still running. */
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
