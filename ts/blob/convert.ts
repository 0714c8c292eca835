/** Blob -> the same blob in another framing, from bytes to bytes: no section is unfolded or hashed, and the state is copied as it stands. */
import { concatenate } from '../session/bytes.ts';
import type { SectionEntry } from '../session/document.ts';
import { readFrame, readStored } from './decode.ts';
import { encodeJson, layOut, rulesOf } from './encode.ts';
import type { Framing } from './framing.ts';

/**
 * The blob in `framing`, with the same documents, hashes and codecs; only offsets and lengths of the section table differ. There and back gives the
 * same bytes, for a blob that this package wrote. A section's hash is not checked: what is damaged stays damaged, and its reader finds out.
 *
 * @throws PspError as `decodeSession` for what it reads: framing, header and lengths; and `BLOB_SECTION_ENCODING` where Base64 is wrong.
 */
export async function convertBlob(blob: Uint8Array, framing: Framing): Promise<Uint8Array<ArrayBuffer>> {
  const rules = rulesOf(framing);
  const frame = readFrame(blob);
  const framed: Uint8Array[] = [];
  let offset = 0;
  const sections = frame.header.sections.map((from): { entry: SectionEntry } => {
    const bytes = rules.wrap(readStored(blob, frame, from));
    const entry = { ...from, offset, length: bytes.length };
    const end = offset + bytes.length;
    offset = rules.nextOffset(end);
    framed.push(bytes, new Uint8Array(offset - end).fill(rules.fill));
    return { entry };
  });
  const header = encodeJson({ ...frame.header, sections: sections.map(({ entry }) => entry) });
  const { head } = layOut(rules, header, blob.subarray(frame.stateStart, frame.stateEnd), sections);
  return concatenate([...head, ...framed]);
}
