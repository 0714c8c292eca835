/** The text framing: the header line, the state line, one line of Base64 for each section; see `layout.md`. */
import { PspError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../kernel/current.ts';
import { blobError } from './fault.ts';
import { type FramingRules, MAX_HEADER_BYTES } from './framing.ts';

const LF = 0x0a;

/** {@link FramingRules} of a `.psp` file. */
export const textFraming: FramingRules = {
  name: 'text',
  magic: new TextEncoder().encode('{"psp":"'),
  headerStart: 0,
  fill: LF,
  prefix: () => new Uint8Array(0),
  headerLength(head) {
    const end = head.subarray(0, MAX_HEADER_BYTES + 1).indexOf(LF);
    if (end === -1 && head.length > MAX_HEADER_BYTES) throw blobError('BLOB_LIMIT', `the header is longer than ${MAX_HEADER_BYTES} bytes`);
    return end === -1 ? null : end;
  },
  stateStart: (headerEnd) => headerEnd + 1,
  sectionsStart: (stateEnd) => stateEnd + 1,
  sectionLength: (storedBytes) => 4 * Math.ceil(storedBytes / 3),
  nextOffset: (end) => end + 1,
  wrap: (bytes) => encodeBase64(bytes),
  unwrap(line, { id }, blobOffset) {
    try {
      return decodeBase64(line);
    } catch (cause) {
      if (!(cause instanceof PspError)) throw cause;
      const offset = Number(cause.details['offset'] ?? 0);
      throw new PspError('BLOB_SECTION_ENCODING', `section ${id} is not Base64: ${cause.code} at its offset ${offset}`, {
        cause,
        details: { section: id, offset, blobOffset: blobOffset + offset, reason: cause.code },
      });
    }
  },
};
