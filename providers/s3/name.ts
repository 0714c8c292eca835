/**
 * Names of objects for keys. A key is never sent as it is: servers and proxies disagree about `/../`, `//`, `?`, `+`, `%` and control characters.
 *
 * Letters, digits, `_`, `-` and what is not ASCII stand for themselves; so do `.` and `/`, but not at the beginning and not behind a `/`. Every other
 * ASCII character is `~` and one character: the n-th of the 64 that are no letter, digit, `_` or `-`, by the n-th of A-Z a-z 0-9 _ -. The line
 * separators U+2028 and U+2029 are `~.8` and `~.9`. A name has at most twice the bytes of its key, a key has one name only, and the name of a key begins
 * with the name of each beginning of the key, so that a prefix of keys is a prefix of names. No name begins with `~~`: those are ours.
 */

/** How objects begin that are no records: what a probe puts. */
export const RESERVED_START = '~~';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
const ESCAPED = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((character) => !ALPHABET.includes(character));

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ...ESCAPED.map((character, n) => [character, `~${ALPHABET[n]!}`] as const),
  ['\u2028', '~.8'],
  ['\u2029', '~.9'],
]);
const CHARACTERS: ReadonlyMap<string, string> = new Map([...ESCAPES].map(([character, written]) => [written, character]));

// What most keys look like: segments that begin with a character of the alphabet. Each part of the expression ends where only the next can begin.
const isPlain = /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;
const escapeOrCharacter = /~\.[89]|~[^.]|[^~]/gsu;

/** The name of a key, or of the beginning of one, of which a lone surrogate at the end is left out. */
export function encodeName(key: string): string {
  if (isPlain.test(key)) return key;
  let name = '';
  let segmentBegins = true;
  for (const character of withoutHalf(key)) {
    const isRaw: boolean = character === '.' || character === '/' ? !segmentBegins : !ESCAPES.has(character);
    name += isRaw ? character : ESCAPES.get(character)!;
    segmentBegins = isRaw && character === '/';
  }
  return name;
}

/** The key of a name, or null when no key has it. */
export function decodeName(name: string): string | null {
  if (isPlain.test(name)) return name;
  let key = '';
  for (const [part] of name.matchAll(escapeOrCharacter)) {
    const character = part.startsWith('~') ? CHARACTERS.get(part) : part;
    if (character === undefined) return null;
    key += character;
  }
  // What could have been written in another way was not written by us.
  return key !== '' && encodeName(key) === name ? key : null;
}

// Half of a pair has no bytes of its own: what it begins is found without it, and told apart by who compares the keys.
function withoutHalf(key: string): string {
  return /[\ud800-\udbff]$/.test(key) ? key.slice(0, -1) : key;
}
