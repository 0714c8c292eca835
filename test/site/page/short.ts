/** Short forms of what a page sees: equal values have equal forms, and others differ (by a hash of 64 bits where they are long). */

/** Of text: itself where it is short and plain. */
export function shortText(text: string): string {
  if (text.length <= 40 && /^[ -~]*$/.test(text)) return JSON.stringify(text);
  return `${text.length} units #${hash(text.length, (index) => text.charCodeAt(index))}`;
}

/** Of bytes. */
export function shortBytes(bytes: Uint8Array): string {
  return `${bytes.length} bytes #${hash(bytes.length, (index) => bytes[index]!)}`;
}

/** The characters of text that a name of a cell can show. */
export function plainName(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Two FNV-1a sums of 32 bits with different starts.
function hash(length: number, at: (index: number) => number): string {
  let one = 0x811c9dc5;
  let two = 0x01000193;
  for (let i = 0; i < length; i++) {
    one = Math.imul(one ^ at(i), 0x01000193);
    two = Math.imul(two ^ (at(i) + i), 0x85ebca6b);
  }
  return [one, two].map((sum) => (sum >>> 0).toString(16).padStart(8, '0')).join('');
}
