/** Columns of a labels file that name a person. */

/** Columns of a labels file that are never copied to an index, in any spelling: PatientName, patient_name, MRN … */
const PERSONAL = [
  // Names.
  "s?(name|names|fullname|firstname|lastname|middlename|maidenname|surname|forename|familyname|givenname|birthname|initials|nickname)",
  "nachname|vorname|familienname|geburtsname|nom|prenom|nomdefamille|nomcomplet|nombres?|apellidos?|cognome|nome|voornaam|achternaam|naam|sobrenome|imie|nazwisko",
  "姓名|名字|氏名|患者姓名|имя|фамилия|отчество|фио|이름",
  // Birth.
  "birth(date|day|time|year|place)?|(date|day|year|place|time)ofbirth|dob|yob|geburt(sdatum|stag|sjahr|sort)?|geb(datum|dat|tag|jahr)?|naissance|datedenaissance|fecha(de)?nacimiento|nacimiento|data(di)?nascita|geboortedatum|data(de)?nascimento|dataurodzenia",
  "出生日期|生年月日|датарождения|생년월일",
  // Address and contact.
  "address|adresse|anschrift|direccion|indirizzo|adres|endereco|street|strasse|rue|calle|city|town|village|ort|wohnort|stadt|ville|ciudad|zip|zipcode|postcode|postalcode|postleitzahl|plz|codepostal|codigopostal",
  "phone|phonenumber|telephone|telephonenumber|telefon|telefonnummer|telefono|tel|mobile|mobilenumber|handy|handynummer|fax|e?mail|emailaddress|contact|nextofkin|emergencycontact",
  "地址|住址|电话|手机|адрес|телефон|주소|전화번호",
  // Numbers of a person, an insurance, a hospital.
  "nhs(number|no|nr|id)?|chi(number)?|mrn|medicalrecord(number|no)?|hospital(number|no|id)|unit(number|no)|chart(number|no)|(case|encounter|visit|episode|account)(number|no)|ssn|socialsecurity(number|no)?|national(id|number|insurance|insurancenumber)|personal(id|number)|personnummer|cpr(number|nummer)?|bsn|dni|nif|nie|codicefiscale|aadhaar|pesel|passport(number|no)?|insurance(number|no|id)?|health(card|insurance)(number|no)?|versicherten(nummer|nr)|versicherungs(nummer|nr)|krankenversicherten(nummer|nr)|fall(nummer|nr)|patienten?(nummer|nr)|pat(nr|id|num)|pid|otherpatientids?",
  "身份证号?|身份证号码|住院号|门诊号|病历号|снилс|полис|주민등록번호",
  // Other persons.
  "mothers?(birthname|maidenname|name)|fathersname|spouse|referringphysician(name)?|physicians?(name)?|operators?(name)?|doctor|arzt|hausarzt|medecin|consultant|radiologist(name)?|gp",
  // Identifiers of a study in hospital systems.
  "accession(number|no)?|patientid|study(instance)?uid|series(instance)?uid|sopinstanceuid|frameofreferenceuid",
].join("|");

const PERSONAL_COLUMN = new RegExp(
  `^(patients?|patienten|subjects?|persons?|participants?)?(${PERSONAL})$`,
  "u",
);

/** True for a column that identifies a person, or a study in hospital systems. */
export function isPersonal(column: string): boolean {
  const plain = column.toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replaceAll(/\p{M}/gu, "");
  return PERSONAL_COLUMN.test(plain.normalize("NFC").replaceAll(/[^\p{L}]/gu, ""));
}
