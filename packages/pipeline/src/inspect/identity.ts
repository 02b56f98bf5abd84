/** How patients are shown: by a salted hash, the same that prepare writes into subjects.csv. */
import { homedir } from "node:os";
import { Pseudonyms, readSalt, saltPath } from "../data/ingest/privacy.js";

export interface IdentityOptions {
  /** Show PatientIDs instead of hashes. */
  keepIds?: boolean;
  /** Default: the salt file of this user. */
  saltFile?: string;
}

export interface Identity {
  /** A PatientID as it may be shown; "" for none. */
  patient(id: string): string;
  /** The source of a DICOM series in a subjects.csv that was prepared with the same salt. */
  series(uid: string): string;
}

/** The salt is read, or created, for the first identifier that needs it. @throws PrepareError if that fails */
export function identityOf({ keepIds = false, saltFile }: IdentityOptions): Identity {
  let cached: Pseudonyms | undefined;
  const pseudonyms = () =>
    (cached ??= new Pseudonyms(readSalt(saltFile ?? saltPath(process.env, homedir()))));
  return {
    patient: (id) => (id === "" || keepIds ? id : pseudonyms().of("patient", id)),
    series: (uid) => `dicom ${pseudonyms().of("series", uid)}`,
  };
}
