/** A real archive: Orthanc stores the objects by REST, DIMSE and DICOMweb, and gives them back under the right study. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DicomFolder, type WrittenObjects } from "../../src/dicom-out/dicom-folder.js";
import { Orthanc, skipOrthanc, type Resource } from "../orthanc.js";
import { requestsOf } from "./request.js";
import { errorsIn, makeStudy, objectsIn, pydicom, skip as skipTools, temporaryFolder } from "./tools.js";

const skip = skipOrthanc === false ? skipTools : skipOrthanc;
const folder = temporaryFolder();
let orthanc: Orthanc;
const objects: WrittenObjects[] = [];

before(async () => {
  if (skip !== false) return;
  const source = makeStudy(join(folder, "patients"), "patients", 4);
  using out = DicomFolder.open(join(folder, "objects"));
  for (const request of await requestsOf(source)) objects.push(await out.write(request));
  orthanc = await Orthanc.start(join(folder, "orthanc"));
  for (const name of readdirSync(source, { recursive: true, withFileTypes: true }))
    if (name.isFile()) await orthanc.store(join(name.parentPath, name.name));
});
after(() => (skip === false ? orthanc[Symbol.asyncDispose]() : undefined));

test(
  "stored by REST: reports and images are under the study and the patient of their source",
  { skip },
  async () => {
    for (const { folder: of, report } of objects)
      for (const file of objectsIn(of)) {
        const { Status, ParentStudy } = await orthanc.store(file);
        assert.equal(Status, "Success");
        const { MainDicomTags } = await orthanc.get<Resource>(`/studies/${ParentStudy}`);
        assert.equal(MainDicomTags["StudyInstanceUID"], pydicom(report.file)["StudyInstanceUID"]);
      }
    const studies = await orthanc.get<Resource[]>("/studies?expand");
    assert.equal(studies.length, 2, "no study was added");
    assert.equal((await orthanc.get<string[]>("/patients")).length, 2, "no patient was added");
    const found = await Promise.all(
      studies.map(async ({ Series, PatientMainDicomTags }) => {
        const series = await Promise.all(Series!.map((id) => orthanc.get<Resource>(`/series/${id}`)));
        const kinds = series.map(
          ({ MainDicomTags, Instances }) => `${MainDicomTags["Modality"]} ${Instances!.length}`,
        );
        return [PatientMainDicomTags!["PatientID"], kinds.sort()];
      }),
    );
    assert.deepEqual(found.sort(), [
      ["4711", ["CT 4", "CT 4", "OT 4", "OT 4", "SR 1", "SR 1"]],
      ["4712", ["CT 4", "OT 4", "SR 1"]],
    ]);
  },
);

test(
  "given back by the UID that was announced: byte for byte, still valid, rendered as a picture",
  { skip },
  async () => {
    const [{ report, folder: of }] = objects as [WrittenObjects];
    const idOf = async (file: string) => (await orthanc.store(file)).ID;
    const returned = await orthanc.bytes(`/instances/${await idOf(report.file)}/file`);
    assert.deepEqual(returned, readFileSync(report.file));
    const uid = await orthanc.get<{ value?: string } | string>(
      `/instances/${await idOf(report.file)}/tags?simplify`,
    );
    assert.equal((uid as unknown as Record<string, string>)["SOPInstanceUID"], report.sopInstanceUid);
    const image = objectsIn(of)[0]!;
    const tags = await orthanc.get<Record<string, string>>(`/instances/${await idOf(image)}/tags?simplify`);
    assert.equal(tags["ImagePositionPatient"], "-32\\-32\\-100");
    assert.match(tags["SeriesDescription"]!, /^Slicestack heat-map \(research\): CT-3 肺 ü$/);
    const picture = await orthanc.bytes(`/instances/${await idOf(image)}/preview`);
    assert.equal(picture.subarray(1, 4).toString(), "PNG");
    assert.deepEqual(errorsIn(report.file), []);
  },
);

test("predicted and sent again: the archive has them already", { skip }, async () => {
  using out = DicomFolder.open(join(folder, "again"));
  const before = (await orthanc.get<{ CountInstances: number }>("/statistics")).CountInstances;
  for (const request of await requestsOf(join(folder, "patients"))) {
    const again = await out.write(request);
    for (const file of objectsIn(again.folder))
      assert.equal((await orthanc.store(file)).Status, "AlreadyStored");
  }
  assert.equal((await orthanc.get<{ CountInstances: number }>("/statistics")).CountInstances, before);
});

test(
  "the commands of the documentation: storescu sends the folder, curl sends a report by STOW-RS",
  { skip },
  async () => {
    await using other = await Orthanc.start(join(folder, "other"));
    const args = [
      "-R",
      "-xr",
      "-aec",
      "ORTHANC",
      "+sd",
      "+r",
      "+sp",
      "*.dcm",
      "127.0.0.1",
      String(other.dicomPort),
    ];
    const sent = spawnSync("storescu", [...args, join(folder, "objects")], { encoding: "utf8" });
    assert.equal(sent.status, 0, sent.stderr);
    assert.equal((await other.get<string[]>("/instances")).length, 3 * 5);
    const { report } = objects[0]!;
    const { ID } = await other.store(report.file);
    await fetch(`${other.url}/instances/${ID}`, {
      method: "DELETE",
      headers: { authorization: `Basic ${Buffer.from(other.credentials).toString("base64")}` },
    });
    const type = 'Content-Type: multipart/related; type="application/dicom"';
    const form = ["-H", type, "-F", `file=@${report.file};type=application/dicom`];
    const stowed = spawnSync(
      "curl",
      ["-sS", "-f", "-u", other.credentials, ...form, `${other.url}/dicom-web/studies`],
      {
        encoding: "utf8",
      },
    );
    assert.equal(stowed.status, 0, stowed.stderr);
    assert.match(stowed.stdout, new RegExp(report.sopInstanceUid.replaceAll(".", "\\.")));
    assert.equal((await other.get<string[]>("/instances")).length, 3 * 5);
  },
);
