/** Headers with contradictory geometry: which value is used, and what the notes say (bytes set by nifti1.h). */
import assert from "node:assert/strict";
import test from "node:test";
import { parseNiftiHeader } from "../src/index.js";
import { fixtureBytes } from "./fixtures.js";

/** sform and qform of one scan, 0.7 x 0.7 x 2.5, LPS from (10, 10, -439) RAS. */
async function header(set: (view: DataView) => void) {
  const bytes = await fixtureBytes("int16.nii");
  const view = new DataView(bytes);
  view.setInt16(252, 1, true);
  view.setInt16(254, 1, true);
  floats(view, 76, [1, 0.7, 0.7, 2.5]);
  floats(view, 256, [0, 0, 1, 10, 10, -439]);
  floats(view, 280, [-0.7, 0, 0, 10, 0, -0.7, 0, 10, 0, 0, 2.5, -439]);
  view.setUint8(123, 2);
  set(view);
  const { geometry, geometryNotes, spacing } = parseNiftiHeader(bytes);
  return { geometry, geometryNotes, spacing: spacing.map((mm) => Number(mm.toFixed(3))) };
}

const floats = (view: DataView, at: number, values: readonly number[]) =>
  values.forEach((value, k) => view.setFloat32(at + 4 * k, value, true));

test("a header whose parts agree has no notes, nor has one whose spacing differs by rounding", async () => {
  const agreeing = { geometry: "sform", geometryNotes: [], spacing: [0.7, 0.7, 2.5] };
  assert.deepEqual(await header(() => undefined), agreeing);
  assert.deepEqual(await header((view) => floats(view, 80, [0.7, 0.7, 2.51])), agreeing);
});

test("a spacing that differs by more than 1 %: the sform is used, and the notes name both", async () => {
  const contradicting = await header((view) => floats(view, 88, [2]));
  assert.deepEqual(contradicting.spacing, [0.7, 0.7, 2.5]);
  assert.deepEqual(contradicting.geometryNotes, [
    "the sform has voxels of 0.7 x 0.7 x 2.5, pixdim of 0.7 x 0.7 x 2: the sform was used",
  ]);
});

test("sform and qform that point in different directions: the sform is used, and the notes say so", async () => {
  const contradicting = await header((view) => floats(view, 312, [0, 0, -2.5]));
  assert.deepEqual(contradicting.geometryNotes, [
    "sform and qform point in different directions: the sform was used",
  ]);
});

test("an sform that was never filled in is replaced by the qform or by pixdim; a correct identity is kept", async () => {
  const identity = (view: DataView) => floats(view, 280, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]);
  const withQform = await header(identity);
  assert.deepEqual([withQform.geometry, withQform.spacing], ["qform", [0.7, 0.7, 2.5]]);
  const identityNote = /the sform is the identity, but pixdim is 0\.7 x 0\.7 x 2\.5: the qform was used/;
  assert.match(withQform.geometryNotes.join(), identityNote);
  const without = await header((view) => (identity(view), view.setInt16(252, 0, true)));
  assert.deepEqual([without.geometry, without.spacing], ["pixdim", [0.7, 0.7, 2.5]]);
  const right = await header(
    (view) => (identity(view), floats(view, 80, [1, 1, 1]), view.setInt16(252, 0, true)),
  );
  assert.deepEqual(right, { geometry: "sform", geometryNotes: [], spacing: [1, 1, 1] });
});

test("an sform of zeros is replaced by a valid qform; without one it is refused, because the directions are lost", async () => {
  const zeros = (view: DataView) => floats(view, 280, Array<number>(12).fill(0));
  const withQform = await header(zeros);
  assert.deepEqual([withQform.geometry, withQform.spacing], ["qform", [0.7, 0.7, 2.5]]);
  assert.deepEqual(withQform.geometryNotes, ["the sform is all zeros: the qform was used"]);
  const problem = /three independent finite axes, its sform is \[0, 0/;
  await assert.rejects(
    header((view) => (zeros(view), view.setInt16(252, 0, true))),
    problem,
  );
  await assert.rejects(
    header((view) => (zeros(view), floats(view, 256, [2, 2, 2]))),
    problem,
  );
});

test("pixdim 0 or NaN without any form: 1 mm, never silently; a single slice needs no distance", async () => {
  const noForms = (view: DataView) => (view.setInt16(252, 0, true), view.setInt16(254, 0, true));
  for (const nothing of [0, NaN]) {
    const contradicting = await header((view) => (noForms(view), floats(view, 88, [nothing])));
    assert.deepEqual([contradicting.geometry, contradicting.spacing], ["pixdim", [0.7, 0.7, 1]]);
    assert.match(
      contradicting.geometryNotes.join(),
      /there is neither sform nor qform, and pixdim is .*: 1 mm was assumed/,
    );
  }
  const single = await header((view) => (noForms(view), floats(view, 88, [0]), view.setInt16(46, 1, true)));
  assert.deepEqual(single.geometryNotes, []);
});
