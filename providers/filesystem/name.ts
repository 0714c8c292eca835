/**
 * From a key to the names of its files and back. A name uses only `a-z 0-9 - _ .`, so it is the same name on file systems that
 * fold case or normalise Unicode, and no key can spell `..`, a separator, a Windows device or a trailing dot. A key that would
 * give a long name is named by its SHA-256 instead, and only the record's header tells the key.
 *
 *     <root>/<shard>/k-<escaped key>.rec      shard: the first two hexadecimal digits of SHA-256(key), 256 directories
 *     <root>/<shard>/h-<SHA-256 of key>.rec
 */

import { sha256Hex } from './sha256.ts';

/** Where the files of one key are, relative to the root. */
export interface KeyName {
  /** Two hexadecimal digits: the directory. */
  readonly shard: string;
  /** The name of the record, at most {@link MAX_STEM_BYTES} bytes and `.rec`. */
  readonly record: string;
  /** The name of the key's lock, beside the record. */
  readonly lock: string;
}

/** Longest name of a record or a lock without its ending, in bytes. With endings it stays below the 255 of every file system. */
export const MAX_STEM_BYTES = 200;

const recordName = /^(?:k-[a-z0-9_-]+|h-[0-9a-f]{64})\.rec$/;

/** The names of `key`, which the caller has checked. Different keys have different names. */
export function nameKey(key: string): KeyName {
  const bytes = Buffer.from(key, 'utf8');
  const hash = sha256Hex(bytes);
  const readable = `k-${spellBytes(bytes)}`;
  const stem = readable.length <= MAX_STEM_BYTES ? readable : `h-${hash}`;
  return { shard: hash.slice(0, 2), record: `${stem}.rec`, lock: `${stem}.lock` };
}

/** True when a file of this name can be a record of ours. */
export function isRecordName(name: string): boolean {
  return recordName.test(name) && name.length <= MAX_STEM_BYTES + '.rec'.length;
}

/** True when a file of this name can be a lock of ours. */
export function isLockName(name: string): boolean {
  return name.endsWith('.lock') && isRecordName(`${name.slice(0, -'.lock'.length)}.rec`);
}

/** True when a directory of this name can be a shard of ours. */
export function isShardName(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

/** The key that a record's name spells, or null when the name is a hash and only the header knows. */
export function readKey(name: string): string | null {
  if (!name.startsWith('k-')) return null;
  const hex = name.slice('k-'.length, -'.rec'.length).replace(/_([0-9a-f]{2})|[^_]/g, (match, code: string | undefined) => {
    return code ?? match.charCodeAt(0).toString(16).padStart(2, '0');
  });
  return Buffer.from(hex, 'hex').toString('utf8');
}

// `a-z`, `0-9` and `-` stand for themselves, every other byte is `_` and two digits. The dot is escaped too: it would make
// `k-con.x` differ from `k-con.x.` only by what Windows drops.
function spellBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d;
    text += plain ? String.fromCharCode(byte) : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
