import type { Context, NativeCodecs } from "dcmjs-codecs";
import { damaged } from "../damage.js";
import type { PixelLayout } from "../image.js";
import type { DicomCodec } from "../syntaxes.js";

interface Codecs {
  NativeCodecs: typeof NativeCodecs;
  Context: typeof Context;
}

/**
 * Warnings of libjpeg after which it continues with grey pixels; the codecs only log them and return as if nothing had
 * happened.
 */
const FILLED_IN = /Corrupt JPEG data|Premature end of JPEG/;

let loading: Promise<Codecs> | undefined;
let complaints: string[] = [];

/** 4 MB of WebAssembly, loaded with the first compressed frame. @param url of dcmjs-native-codecs.wasm, in browsers */
async function codecs(url: string | undefined): Promise<Codecs> {
  loading ??= import("dcmjs-codecs").then(({ default: loaded }) => {
    const { log, NativeCodecs, Context } = loaded;
    log.setLevel("silent", false);
    log.info = (message: unknown) => {
      if (FILLED_IN.test(String(message))) complaints.push(String(message));
    };
    return { NativeCodecs, Context };
  });
  const loaded = await loading;
  if (!loaded.NativeCodecs.isInitialized()) {
    const place = url === undefined ? {} : { webAssemblyModulePathOrUrl: url };
    // The library fetches by eval, which a strict content security policy forbids.
    const fetched = async () => (await fetch(url!)).arrayBuffer();
    if (url !== undefined) Object.assign(loaded.NativeCodecs, { _getWebAssemblyBytes: fetched });
    await loaded.NativeCodecs.initializeAsync({ ...place, logCodecsInfo: true });
  }
  return loaded;
}

/**
 * Decompresses one frame.
 * @returns its pixels, row by row, 1, 2 or 4 bytes each, in the host's order
 * @throws VolumeFormatError the frame is damaged
 */
export async function decodeFrame(
  encoded: Uint8Array,
  codec: Exclude<DicomCodec, "none">,
  layout: PixelLayout,
  file: string,
  url?: string,
): Promise<Uint8Array> {
  const { NativeCodecs, Context } = await codecs(url);
  const context = new Context({
    width: layout.columns,
    height: layout.rows,
    bitsAllocated: layout.bitsAllocated,
    bitsStored: layout.bitsStored,
    samplesPerPixel: 1,
    pixelRepresentation: layout.signed ? 1 : 0,
    planarConfiguration: 0,
    photometricInterpretation: "MONOCHROME2",
    encodedBuffer: encoded,
  });
  complaints = [];
  let decoded: Uint8Array | undefined;
  try {
    decoded = decoderOf(NativeCodecs, codec)(context).getDecodedBuffer();
  } catch (cause) {
    // An error leaves the codec's memory in an unknown state, so the next frame gets a new one.
    NativeCodecs.release();
    throw damaged(file, `its ${codec} frame cannot be decoded (${oneLine(cause)})`, { cause });
  }
  if (complaints.length > 0) throw damaged(file, `its ${codec} frame is truncated or damaged`);
  const pixels = layout.rows * layout.columns;
  if (decoded === undefined || ![1, 2, 4].includes(decoded.length / pixels)) {
    throw damaged(
      file,
      `expected ${pixels} pixels in its ${codec} frame, it holds ${decoded?.length ?? 0} bytes`,
    );
  }
  return decoded;
}

function decoderOf(
  native: typeof NativeCodecs,
  codec: Exclude<DicomCodec, "none">,
): (context: Context) => Context {
  if (codec === "rle") return (context) => native.decodeRle(context);
  if (codec === "jpeg") return (context) => native.decodeJpeg(context);
  if (codec === "jpeg-ls") return (context) => native.decodeJpegLs(context);
  if (codec === "jpeg-2000") return (context) => native.decodeJpeg2000(context);
  return (context) => native.decodeHtJpeg2000(context);
}

const oneLine = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).trim().split("\n")[0] ?? "";
