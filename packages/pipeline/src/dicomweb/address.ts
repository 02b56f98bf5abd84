/** The address of a study, a series or an instance at a DICOMweb server: DICOM PS3.18, 10.1.2 (the studies service). */
import { DicomWebError } from "./errors.js";

export interface Place {
  study: string;
  series?: string;
  instance?: string;
}

export interface DicomWebAddress {
  /** The service, without a slash at its end and without user name and password: https://pacs.example/dicom-web */
  root: string;
  place: Place;
  /** What the address holds in front of the host; null where it holds nothing. */
  login: { user: string; password: string } | null;
}

const UID = "[0-9]+(?:\\.[0-9]+)*";
const PLACE = new RegExp(`^(.*)/studies/(${UID})(?:/series/(${UID})(?:/instances/(${UID}))?)?/?$`);
/** DICOM PS3.5, 9.1. */
const LONGEST_UID = 64;

/** Whether an input is an address rather than a path. */
export const isWebAddress = (input: string): boolean => /^https?:\/\//i.test(input);

/** @throws DicomWebError if it is not the address of a study, a series or an instance */
export function parseAddress(text: string): DicomWebAddress {
  const refuse = (problem: string): never => {
    const remedy = "Expected https://HOST/dicom-web/studies/UID, or the same with /series/UID.";
    throw new DicomWebError(withoutLogin(text), "address", problem, remedy);
  };
  if (!URL.canParse(text)) return refuse("is not an address");
  const url = new URL(text);
  if (url.search !== "" || url.hash !== "") refuse("has a query, which retrieving a study does not take");
  const [, path, study, series, instance] = PLACE.exec(url.pathname) ?? [];
  if (path === undefined || study === undefined) return refuse("does not name a study");
  if ([study, series, instance].some((uid) => (uid?.length ?? 0) > LONGEST_UID))
    refuse("has a UID of more than 64 characters");
  const login = loginOf(url);
  if (login === "damaged")
    return refuse("has a user name or password with % that does not begin a code such as %40");
  return {
    root: `${url.protocol}//${url.host}${path}`,
    place: {
      study,
      ...(series === undefined ? {} : { series }),
      ...(instance === undefined ? {} : { instance }),
    },
    login,
  };
}

export const placePath = ({ study, series, instance }: Place): string =>
  `/studies/${study}${series === undefined ? "" : `/series/${series}`}${instance === undefined ? "" : `/instances/${instance}`}`;

function loginOf({ username, password }: URL): DicomWebAddress["login"] | "damaged" {
  if (username === "") return null;
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return "damaged";
  }
}

/** For messages: an address must not show a password, even one that holds an @. */
export const withoutLogin = (text: string): string => text.replace(/^(https?:\/\/)[^/?#]*@/i, "$1");
