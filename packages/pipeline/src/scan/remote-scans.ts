/** Scans at DICOMweb addresses beside those in files. A study is on disk only while its scans are predicted. */
import { isWebAddress, placePath } from "../dicomweb/address.js";
import type { DownloadedStudy } from "../dicomweb/download.js";
import { DicomWebError } from "../dicomweb/errors.js";
import { withoutPrefix } from "../data/reason.js";
import { findScans, type FindOptions, type FoundScans } from "./find-scans.js";

/**
 * Finds what is in files first, then one address after another.
 * @param take predicts what was found; files of an address exist only until it returns
 * @returns all that was found   @throws PredictError if nothing was given
 */
export async function eachSource(
  inputs: readonly string[],
  options: FindOptions,
  take: (found: FoundScans) => Promise<void>,
): Promise<FoundScans> {
  const addresses = [...new Set(inputs.filter(isWebAddress))];
  const all: FoundScans = { scans: [], failed: [], setAside: [] };
  const taken = async (found: FoundScans) => {
    all.scans.push(...found.scans);
    all.failed.push(...found.failed);
    all.setAside.push(...found.setAside);
    await take(found);
  };
  if (addresses.length < inputs.length || inputs.length === 0)
    await taken(
      await findScans(
        inputs.filter((input) => !isWebAddress(input)),
        options,
      ),
    );
  for (const address of addresses) await fromAddress(address, options, taken);
  return all;
}

async function fromAddress(
  address: string,
  options: FindOptions,
  take: (found: FoundScans) => Promise<void>,
): Promise<void> {
  const { onProgress, signal } = options;
  const { downloadStudy } = await import("../dicomweb/download.js");
  let downloaded: DownloadedStudy;
  try {
    downloaded = await downloadStudy(address, {
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!(error instanceof DicomWebError)) throw error;
    const reason = withoutPrefix(error.message, error.url);
    return take({ scans: [], failed: [{ source: error.url, reason }], setAside: [] });
  }
  using study = downloaded;
  await take(named(study, await findScans([study.folder], options)));
}

/** The same with addresses in place of temporary files. */
function named({ folder, url, root, setAside }: DownloadedStudy, found: FoundScans): FoundScans {
  const plain = (path: string) => path.replace(folder, url);
  return {
    scans: found.scans.map((scan) => ({
      ...scan,
      source: url.includes("/series/") ? url : `${url}/series/${scan.id}`,
    })),
    failed: found.failed.map(({ source, reason }) => ({
      source: plain(source),
      reason: reason.replaceAll(folder, url),
    })),
    setAside: [
      ...setAside.map(({ series, reason }) => ({ path: root + placePath(series), reason })),
      ...found.setAside.map((one) => ({ ...one, path: plain(one.path) })),
    ],
  };
}
