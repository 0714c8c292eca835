/**
 * The packed framing: sixteen bytes, header, state, then the sections as they are, each at a multiple of sixteen; see `layout.md`.
 *
 *      0   8  magic: 89 "PSPB" 0D 0A 1A (a text transfer that changes line ends breaks it, as in PNG)
 *      8   4  version of this framing, little-endian: 1
 *     12   4  length of the header, little-endian
 *     16      header, state, zeros up to a multiple of 16, sections
 */
import { blobError } from './fault.ts';
import { type FramingRules, MAX_HEADER_BYTES } from './framing.ts';

const PREFIX_BYTES = 16;
const ALIGNMENT = 16;
const PACKED_VERSION = 1;

/** {@link FramingRules} of a `.pspb` file. */
export const packedFraming: FramingRules = {
  name: 'packed',
  magic: Uint8Array.of(0x89, 0x50, 0x53, 0x50, 0x42, 0x0d, 0x0a, 0x1a),
  headerStart: PREFIX_BYTES,
  fill: 0,
  prefix(headerLength) {
    const prefix = new Uint8Array(PREFIX_BYTES);
    prefix.set(packedFraming.magic);
    const view = new DataView(prefix.buffer);
    view.setUint32(8, PACKED_VERSION, true);
    view.setUint32(12, headerLength, true);
    return prefix;
  },
  headerLength(head) {
    if (head.length < PREFIX_BYTES) return null;
    const view = new DataView(head.buffer, head.byteOffset, PREFIX_BYTES);
    const version = view.getUint32(8, true);
    if (version !== PACKED_VERSION) {
      const details = { found: String(version), supported: String(PACKED_VERSION) };
      throw blobError(
        'BLOB_UNSUPPORTED_VERSION',
        `the packed framing has version ${version}; this reader knows ${PACKED_VERSION}`,
        details,
      );
    }
    const length = view.getUint32(12, true);
    if (length > MAX_HEADER_BYTES) throw blobError('BLOB_LIMIT', `the header is longer than ${MAX_HEADER_BYTES} bytes`);
    return length;
  },
  stateStart: (headerEnd) => headerEnd,
  sectionsStart: align,
  sectionLength: (storedBytes) => storedBytes,
  nextOffset: align,
  wrap: (stored) => stored,
  unwrap: (framed) => (isUnshared(framed) ? framed : framed.slice()),
};

/** Not with bit operations: offsets may be above 2^32. */
function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** What another thread can write to cannot be handed out as checked. */
function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
