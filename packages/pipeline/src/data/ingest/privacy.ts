/** Patient data: names of patients become salted hashes, and columns that hold more than that are dropped. */
import { createHmac, randomBytes } from "node:crypto";
import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readGivenFile } from "../../config/given-file.js";
import { codeOf } from "../csv.js";
import { PrepareError } from "../errors.js";
import type { LabelledVolume } from "./source.js";

/** Columns of a labels file that never reach an index, whatever their spelling: PatientName, patient_name, MRN … */
const PERSONAL = [
  // Names.
  "s?(name|names|fullname|firstname|lastname|middlename|maidenname|surname|forename|familyname|givenname|birthname|initials|nickname)",
  "nachname|vorname|familienname|geburtsname|nom|prenom|nomdefamille|nomcomplet|nombres?|apellidos?|cognome|nome|voornaam|achternaam|naam|sobrenome|imie|nazwisko", // prettier-ignore
  "姓名|名字|氏名|患者姓名|имя|фамилия|отчество|фио|이름",
  // Birth.
  "birth(date|day|time|year|place)?|(date|day|year|place|time)ofbirth|dob|yob|geburt(sdatum|stag|sjahr|sort)?|geb(datum|dat|tag|jahr)?|naissance|datedenaissance|fecha(de)?nacimiento|nacimiento|data(di)?nascita|geboortedatum|data(de)?nascimento|dataurodzenia", // prettier-ignore
  "出生日期|生年月日|датарождения|생년월일",
  // Where somebody lives and can be reached.
  "address|adresse|anschrift|direccion|indirizzo|adres|endereco|street|strasse|rue|calle|city|town|village|ort|wohnort|stadt|ville|ciudad|zip|zipcode|postcode|postalcode|postleitzahl|plz|codepostal|codigopostal", // prettier-ignore
  "phone|phonenumber|telephone|telephonenumber|telefon|telefonnummer|telefono|tel|mobile|mobilenumber|handy|handynummer|fax|e?mail|emailaddress|contact|nextofkin|emergencycontact", // prettier-ignore
  "地址|住址|电话|手机|адрес|телефон|주소|전화번호",
  // Numbers of a person, an insurance, a hospital.
  "nhs(number|no|nr|id)?|chi(number)?|mrn|medicalrecord(number|no)?|hospital(number|no|id)|unit(number|no)|chart(number|no)|(case|encounter|visit|episode|account)(number|no)|ssn|socialsecurity(number|no)?|national(id|number|insurance|insurancenumber)|personal(id|number)|personnummer|cpr(number|nummer)?|bsn|dni|nif|nie|codicefiscale|aadhaar|pesel|passport(number|no)?|insurance(number|no|id)?|health(card|insurance)(number|no)?|versicherten(nummer|nr)|versicherungs(nummer|nr)|krankenversicherten(nummer|nr)|fall(nummer|nr)|patienten?(nummer|nr)|pat(nr|id|num)|pid|otherpatientids?", // prettier-ignore
  "身份证号?|身份证号码|住院号|门诊号|病历号|снилс|полис|주민등록번호",
  // Who else is named.
  "mothers?(birthname|maidenname|name)|fathersname|spouse|referringphysician(name)?|physicians?(name)?|operators?(name)?|doctor|arzt|hausarzt|medecin|consultant|radiologist(name)?|gp", // prettier-ignore
  // A study in the hospital's own systems.
  "accession(number|no)?|patientid|study(instance)?uid|series(instance)?uid|sopinstanceuid|frameofreferenceuid",
].join("|");
const PERSONAL_COLUMN = new RegExp(`^(patients?|patienten|subjects?|persons?|participants?)?(${PERSONAL})$`, "u");

/** True for a column that names a person, or a study in the hospital's own systems. */
export function isPersonal(column: string): boolean {
  const plain = column.toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replaceAll(/\p{M}/gu, "");
  return PERSONAL_COLUMN.test(plain.normalize("NFC").replaceAll(/[^\p{L}]/gu, ""));
}

/**
 * Turns an identifier into 12 hexadecimal digits: HMAC-SHA-256 under a secret salt, so that nobody who lacks the salt can
 * find the identifier by trying. The same salt gives the same hash in every data set, shard and repetition.
 */
export class Pseudonyms {
  constructor(private readonly salt: Uint8Array) {}

  of(kind: "patient" | "series" | "file", identifier: string): string {
    return createHmac("sha256", this.salt).update(`${kind} ${identifier}`).digest("hex").slice(0, 12);
  }
}

/** Where this user's salt is kept unless told otherwise. */
export function saltPath(env: Record<string, string | undefined>, home: string): string {
  return join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "slicestack", "salt");
}

/**
 * The salt in `file`; made there, readable by its owner alone, the first time. Two processes that come at once get the same.
 * @throws PrepareError where it can be neither read nor made, or is too short to protect anything
 */
export function readSalt(file: string): Uint8Array {
  const read = (): Uint8Array => Buffer.from(readGivenFile(file).toString("utf8").trim());
  let salt: Uint8Array;
  try {
    salt = read();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw refused(file, `cannot be read (${codeOf(error)})`, error);
    salt = create(file, read);
  }
  if (salt.length >= 16) return salt;
  throw refused(file, `expected at least 16 characters, found ${salt.length}`);
}

function create(file: string, read: () => Uint8Array): Uint8Array {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, randomBytes(32).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
    // A link fails where the name is taken: whoever came first has made it.
    try {
      linkSync(temporary, file);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
    return read();
  } catch (error) {
    throw refused(file, `cannot be made (${codeOf(error)})`, error);
  }
}

function refused(file: string, problem: string, cause?: unknown): PrepareError {
  const remedy =
    "It hides patients' identifiers: name another file with --salt-file, or keep the identifiers with --keep-ids.";
  return new PrepareError(`${file}: the salt ${problem}`, remedy, { cause });
}

/** A DICOM volume, or where `subjects` every volume, by its pseudonyms. */
export function hidden<V extends LabelledVolume & { source: string }>(
  volume: V,
  pseudonyms: Pseudonyms,
  subjects: boolean,
): V {
  const subject = pseudonyms.of("patient", volume.subject);
  if (volume.input.kind !== "dicom") return subjects ? { ...volume, subject } : volume;
  const series = pseudonyms.of("series", volume.input.series);
  return { ...volume, subject, id: `${subject}-${series.slice(0, 6)}`, source: `dicom ${series}` };
}
