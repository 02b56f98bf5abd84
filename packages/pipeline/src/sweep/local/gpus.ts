/**
 * Finds free GPUs, from the memory and processes that the driver reports, and from those held by this user's sweeps.
 */

import { join } from "node:path";
import { makeFolder } from "../../data/make-folder.js";
import { FolderLock, isHeld, LockedError } from "../../data/lock.js";
import { readNvidia, type NvidiaState } from "../../engine/doctor/gpu.js";
import { systemProbe, type Probe } from "../../engine/doctor/probe.js";
import { userFolder } from "../../data/user-folder.js";

export interface GpuOptions {
  /** Indices that may be used; default all. */
  allowed?: readonly number[] | null;
  /** Bytes that a trial needs on its GPU. Default null: most of its memory, and no other process computing on it. */
  memory?: number | null;
  probe?: Probe;
  /** Folder in which the sweeps of this user mark the GPUs that they use. */
  marks?: string;
}

/** If the user gives no amount, a GPU is free while no process computes on it and this share of its memory is free. */
const FREE_SHARE = 0.7;

export class GpuPool implements Disposable {
  private readonly held = new Map<string, FolderLock>();
  private state: NvidiaState = { state: "absent" };
  private readonly allowed: readonly number[] | null;
  private readonly memory: number | null;
  private readonly probe: Probe;
  private readonly marks: string;

  constructor(options: GpuOptions = {}) {
    this.allowed = options.allowed ?? null;
    this.memory = options.memory ?? null;
    this.probe = options.probe ?? systemProbe();
    this.marks = options.marks ?? userFolder("slicestack-gpus");
  }

  /** Queries the driver. */
  async refresh(): Promise<void> {
    this.state = await readNvidia(this.probe);
  }

  /** The number of GPUs that may be used, free or not. */
  get count(): number {
    return this.usable().length;
  }

  private usable() {
    if (this.state.state !== "ok") return [];
    return this.state.gpus.filter(({ index }) => this.allowed === null || this.allowed.includes(index));
  }

  /** UUIDs of the GPUs that could be taken now. Our trials mark theirs, so any process on another GPU is foreign. */
  free(): string[] {
    if (this.state.state !== "ok") return [];
    const busy = new Set(this.state.processes.map(({ gpu }) => gpu));
    return this.usable()
      .filter(({ uuid, totalBytes, freeBytes }) => {
        if (this.held.has(uuid) || isHeld(this.markOf(uuid))) return false;
        if (this.memory !== null) return freeBytes !== null && freeBytes >= this.memory;
        // Inside some containers the driver reports no memory; then only the processes count.
        return !busy.has(uuid) && (freeBytes ?? 1) >= FREE_SHARE * (totalBytes ?? 1);
      })
      .map(({ uuid }) => uuid);
  }

  /**
   * Takes this many free GPUs, or none; another sweep may have taken some in the meantime.
   * @returns their UUIDs; null if there are too few
   */
  take(count: number): string[] | null {
    const taken: string[] = [];
    for (const uuid of this.free()) {
      if (taken.length === count) break;
      if (this.mark(uuid)) taken.push(uuid);
    }
    if (taken.length === count) return taken;
    this.release(taken);
    return null;
  }

  /** Marks the GPUs of a trial that was started before this process and is still running. */
  adopt(uuids: readonly string[]): void {
    for (const uuid of uuids) this.mark(uuid);
  }

  release(uuids: readonly string[]): void {
    for (const uuid of uuids) {
      this.held.get(uuid)?.[Symbol.dispose]();
      this.held.delete(uuid);
    }
  }

  [Symbol.dispose](): void {
    this.release([...this.held.keys()]);
  }

  private markOf(uuid: string): string {
    return join(this.marks, uuid.replaceAll(/[^\w-]/g, "_"));
  }

  private mark(uuid: string): boolean {
    const folder = this.markOf(uuid);
    makeFolder(folder, 0o700);
    try {
      this.held.set(uuid, FolderLock.take(folder));
      return true;
    } catch (error) {
      if (error instanceof LockedError) return false;
      throw error;
    }
  }
}
