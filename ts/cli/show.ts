/**
 * `psp show`: a session file as lines of text without values, one for each entry, in an order that does not depend on the file: made for `git diff` (textconv). That a
 * value changed shows by a short MAC of it, under a key that is derived from that of the file or from a MAC key. Without either there is only its size:
 * a digest that needs no key would give short values away.
 */
import { sha256Hex } from '../digest.ts';
import type { EntryValue } from '../merge/entry.ts';
import { type FlatEntry, flattenSession } from '../merge/flatten.ts';
import type { LogMac } from '../merge/log.ts';
import { publicPlace } from '../merge/place.ts';
import { learnValue } from '../merge/policy/learn.ts';
import { writeEntryValue } from '../merge/value.ts';
import { ByteWriter } from '../session/clone/bytes.ts';
import type { Cookie, Section, Session } from '../session/session.ts';
import { toHex } from '../store/hex.ts';
import { onlyArgument, readArguments } from './arguments.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { readWhole } from './file.ts';
import { findKey, findMacKey, KEY_OPTIONS, MAC_OPTIONS } from './key-source.ts';
import { isClear, openSession } from './session-file.ts';
import { showBytes, showName } from './text.ts';
import { macKeysFrom, showMacOf } from './value-mac.ts';

/** 48 bits: two different values of one entry look alike once in 2^48. */
const SHOWN_DIGITS = 12;
const SHOWN_CHARACTERS = 120;

/** Shows a file. A sealed one without its key is shown as one line that changes with it, and that is no failure: `git log -p` goes on. */
export async function runShow(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, { ...KEY_OPTIONS, ...MAC_OPTIONS, ...CONTEXT_OPTIONS });
  const path = onlyArgument(positionals, 'show needs one FILE');
  const file = await readWhole(path);
  const [macKey, key] = [await findMacKey(values), await findKey(values)];
  if (!isClear(file) && key === null) {
    // Of sealed bytes a digest says nothing.
    process.stdout.write(`sealed session, ${showBytes(file.length)}, SHA-256 ${sha256Hex(file)}; its content needs the key\n`);
    return;
  }
  const session = await openSession(file, key, contextFrom(values));
  const signing = macKeysFrom(macKey, key)[0];
  process.stdout.write(await showSession(session, signing === undefined ? null : showMacOf(signing)));
}

/** The text of a session. With a MAC, equal values of one entry have equal marks in all texts, and nothing else can be told from them. */
export async function showSession(session: Session, mac: LogMac | null): Promise<string> {
  const { entries, tabs } = await flattenSession(session);
  const lines: string[] = [];
  for (const entry of entries) lines.push(await showEntry(entry, mac));
  const order = mac === null ? '' : `, order #${markOf(mac, 'tabs', tabs)}`;
  const head = [
    `session ${showName(session.id, SHOWN_CHARACTERS)}`,
    `updated ${new Date(session.updatedAt).toISOString()}`,
    `tabs ${tabs.length}${order}`,
    ...(mac === null ? ['values are shown by size only: give a MAC key or the key of a sealed file to see which changed'] : []),
  ];
  return `${[...head, '', ...lines.sort()].join('\n')}\n`;
}

/** Kinds of which more than one entry has the same place and name. */
const NEEDS_MARK: ReadonlySet<string> = new Set([
  'record',
  'cacheEntry',
  'serviceWorker',
  'tab',
  'sessionStorage',
  'credential',
  'ttl',
  'permission',
  'cookie',
]);

async function showEntry({ key, kind, path, value }: FlatEntry, mac: LogMac | null): Promise<string> {
  await learnValue(value, false);
  const { place: host, name } = publicPlace(kind, path);
  const place = kind === 'cookie' && path[3] === 'domain' ? `.${host}` : host;
  const words = [kind, ...(place === '' ? [] : [showName(place)]), ...(name === '' ? [] : [showName(name, SHOWN_CHARACTERS)])];
  const identity = mac !== null && NEEDS_MARK.has(kind) ? [`entry #${markOf(mac, 'identity', key)}`] : [];
  const size = sizeOf(value);
  const facts = kind === 'cookie' ? cookieFacts(value as unknown as Cookie) : size === null ? [] : [showBytes(size)];
  return [...words, ...identity, ...facts, ...(mac === null ? [] : [`value #${markOf(mac, key, value)}`])].join('  ');
}

function cookieFacts({ value, expiresAt, secure, httpOnly, sameSite, partitionKey }: Cookie): string[] {
  return [
    showBytes(bytesOf(value)),
    expiresAt === null ? 'session' : `until ${new Date(expiresAt).toISOString()}`,
    ...(secure ? ['Secure'] : []),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(sameSite === 'unset' ? [] : [`SameSite=${sameSite}`]),
    ...(partitionKey === null ? [] : ['Partitioned']),
  ];
}

/** Bytes of a text or of a section; null for what is made of several members. */
function sizeOf(value: EntryValue): number | null {
  if (typeof value === 'string') return bytesOf(value);
  if (typeof value !== 'object' || value === null) return null;
  if (value instanceof Uint8Array) return value.length;
  const { length, bytes } = value as Section;
  return typeof bytes === 'function' ? length : null;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Bound to what it is of, so that equal values of different entries do not look equal. */
function markOf(mac: LogMac, of: string, value: EntryValue): string {
  const writer = new ByteWriter();
  writer.latin1('psp/show@1\0');
  writeEntryValue(of, writer, 'hash');
  writeEntryValue(value, writer, 'hash');
  return toHex(mac(writer.take())).slice(0, SHOWN_DIGITS);
}
