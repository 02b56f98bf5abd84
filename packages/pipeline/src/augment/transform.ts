/**
 * How a built-in augmentation is defined: its options, its options in the presets, and what it does in its step. Each has
 * a separate random stream, so that disabling one does not change the others. A new one is a file and an entry in catalogue.ts.
 */
import type { Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { z } from "zod";
import type { PresetOptions } from "../config/augment-presets.js";
import type { Matrix } from "./matrix.js";
import type { Air } from "./samples.js";

/** Lengths of the sides of one sample along x, y (and z), in mm or pixels. */
export type Sides = readonly number[];

/** What surrounds the values of a batch. */
export interface Surroundings {
  sides: readonly Sides[];
  /** Distance of neighbours along each spatial axis of the tensor, in pixels across; one list per sample. */
  steps: readonly (readonly number[])[];
  /** The value outside of the image. */
  air: Air;
}

interface Definition<N extends string, S extends z.ZodObject> {
  name: N;
  /** Authors, venue, year; "own" for a design of this project. */
  source: string;
  /** The formula in a few words. */
  architecture: string;
  options: S;
  presets: PresetOptions<z.output<S>>;
  /** How far beyond 0..1 the store must keep values, so that none is lost that a draw can show. Default 0. */
  margin?(options: z.output<S>): number;
}

/** A part of the affine map, which is drawn for some samples. */
interface AffinePart<S extends z.ZodObject, D> {
  /** The draw of one sample that it is applied to. */
  draw(options: z.output<S>, sides: Sides, random: Random): D;
  /** The map of a draw from output to input points; the last matrix is applied first. */
  matrices(drawn: D, sides: Sides): Matrix[];
}

/** A change of the values of a batch. */
interface Change<S extends z.ZodObject> {
  /** "pixels": before the interpolation, exact. "wide": values of the window and beyond it. "unit": values 0..1. */
  step: "pixels" | "wide" | "unit";
  change(x: Tensor, options: z.output<S>, random: Random, surroundings: Surroundings): Tensor;
}

export type AffineTransform<
  N extends string = string,
  S extends z.ZodObject = z.ZodObject,
  D = unknown,
> = Definition<N, S> & AffinePart<S, D> & { kind: "augmentation"; step: "affine" };
export type ChangeTransform<N extends string = string, S extends z.ZodObject = z.ZodObject> = Definition<
  N,
  S
> &
  Change<S> & { kind: "augmentation" };
/** The displacement field, which warp.ts draws and adds to the affine map. */
export type FieldTransform<N extends string = string, S extends z.ZodObject = z.ZodObject> = Definition<
  N,
  S
> & {
  kind: "augmentation";
  step: "field";
};
export type Transform = AffineTransform | ChangeTransform | FieldTransform;

/** Defines a part of the affine map; its options include a `probability`. */
export const defineAffine = <const N extends string, S extends z.ZodObject, D>(
  definition: Definition<N, S> & AffinePart<S, D>,
): AffineTransform<N, S, D> => ({ ...definition, kind: "augmentation", step: "affine" });

export const defineField = <const N extends string, S extends z.ZodObject>(
  definition: Definition<N, S>,
): FieldTransform<N, S> => ({ ...definition, kind: "augmentation", step: "field" });

/** Defines a change of values. */
export const defineChange = <const N extends string, S extends z.ZodObject>(
  definition: Definition<N, S> & Change<S>,
): ChangeTransform<N, S> => ({ ...definition, kind: "augmentation" });
