/** What may be shown of a patient: a salted hash, the same that prepare writes into subjects.csv. */
import { homedir } from "node:os";
import { Pseudonyms, readSalt, saltPath } from "../data/ingest/privacy.js";

export interface IdentityOptions {
  /** Show PatientIDs as they are. */
  keepIds?: boolean;
  /** Default: this user's. */
  saltFile?: string;
}

export interface Identity {
  /** A PatientID as it may be shown; "" for none. */
  patient(id: string): string;
  /** How subjects.csv names a DICOM series that was prepared with the same salt. */
  series(uid: string): string;
}

/** The salt is read, or made, with the first identifier that needs it. @throws PrepareError where it cannot be */
export function identityOf({ keepIds = false, saltFile }: IdentityOptions): Identity {
  let made: Pseudonyms | undefined;
  const pseudonyms = () => (made ??= new Pseudonyms(readSalt(saltFile ?? saltPath(process.env, homedir()))));
  return {
    patient: (id) => (id === "" || keepIds ? id : pseudonyms().of("patient", id)),
    series: (uid) => `dicom ${pseudonyms().of("series", uid)}`,
  };
}
