/** The codec that decodes the pixels. */
export type DicomCodec = "none" | "rle" | "jpeg" | "jpeg-ls" | "jpeg-2000" | "htj2k";

export interface TransferSyntax {
  uid: string;
  name: string;
  explicit: boolean;
  littleEndian: boolean;
  deflated: boolean;
  codec: DicomCodec;
  /** "always" where the syntax is lossy; JPEG 2000 (.91) and HTJ2K (.203) may be. */
  lossy: boolean;
}

const plain = { explicit: true, littleEndian: true, deflated: false, codec: "none", lossy: false } as const;

/** The supported transfer syntaxes of PS3.5 annex A. Video, JPIP, JPEG XL and the retired hierarchical JPEG are not. */
const SYNTAXES: readonly TransferSyntax[] = [
  { ...plain, uid: "1.2.840.10008.1.2", name: "Implicit VR Little Endian", explicit: false },
  { ...plain, uid: "1.2.840.10008.1.2.1", name: "Explicit VR Little Endian" },
  { ...plain, uid: "1.2.840.10008.1.2.1.99", name: "Deflated Explicit VR Little Endian", deflated: true },
  { ...plain, uid: "1.2.840.10008.1.2.2", name: "Explicit VR Big Endian", littleEndian: false },
  { ...plain, uid: "1.2.840.10008.1.2.5", name: "RLE Lossless", codec: "rle" },
  { ...plain, uid: "1.2.840.10008.1.2.4.50", name: "JPEG Baseline", codec: "jpeg", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.51", name: "JPEG Extended", codec: "jpeg", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.53", name: "JPEG Spectral Selection", codec: "jpeg", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.55", name: "JPEG Full Progression", codec: "jpeg", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.57", name: "JPEG Lossless", codec: "jpeg" },
  { ...plain, uid: "1.2.840.10008.1.2.4.70", name: "JPEG Lossless, First-Order Prediction", codec: "jpeg" },
  { ...plain, uid: "1.2.840.10008.1.2.4.80", name: "JPEG-LS Lossless", codec: "jpeg-ls" },
  { ...plain, uid: "1.2.840.10008.1.2.4.81", name: "JPEG-LS Near-Lossless", codec: "jpeg-ls", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.90", name: "JPEG 2000 Lossless", codec: "jpeg-2000" },
  { ...plain, uid: "1.2.840.10008.1.2.4.91", name: "JPEG 2000", codec: "jpeg-2000", lossy: true },
  { ...plain, uid: "1.2.840.10008.1.2.4.201", name: "HTJ2K Lossless", codec: "htj2k" },
  { ...plain, uid: "1.2.840.10008.1.2.4.202", name: "HTJ2K Lossless RPCL", codec: "htj2k" },
  { ...plain, uid: "1.2.840.10008.1.2.4.203", name: "HTJ2K", codec: "htj2k", lossy: true },
];

const BY_UID = new Map(SYNTAXES.map((syntax) => [syntax.uid, syntax]));

export const IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2";
export const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
/** Each segment is compressed by PackBits. */
export const RLE_LOSSLESS = "1.2.840.10008.1.2.5";

/** Undefined for an unsupported syntax. */
export const syntaxOf = (uid: string): TransferSyntax | undefined => BY_UID.get(uid);

/** Its name, or the UID where it is unsupported. */
export const syntaxName = (uid: string): string => syntaxOf(uid)?.name ?? uid;

export const supportedSyntaxes = (): readonly TransferSyntax[] => SYNTAXES;
