/**
 * Wraps: the data key of a blob, encrypted once for each source of keys that may open it. The border between the envelope, which knows data
 * keys only, and everything that holds a key: local keys and rings (type 1), key services (type 2), passphrases (type 3). As long as only
 * keys and rings are asked, nothing is awaited but WebCrypto, and that only where it is given.
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { decryptDataKey, encryptDataKey } from './data-key.ts';
import { type Deriver, deriverOf } from './derive.ts';
import type { Engine } from './engine/primitives.ts';
import { type Engines, syncEngine } from './engine.ts';
import { IMMUTABLE_BYTES, MAC_BYTES, MAX_HEADER_BYTES, MAX_WRAPS, showKid, WRAP_LOCAL, type Wrap } from './header.ts';
import { checkValueOf, EncryptionKey, secretOf } from './key.ts';
import { heldKeysOf, KeyRing, type KeyRingEntry, sealingKeyOf } from './keyring.ts';
import type { Passphrase } from './passphrase.ts';
import { passphraseWork, WRAP_PASSPHRASE } from './passphrase-work.ts';
import { SALT_BYTES } from './payload.ts';
import type { RandomBytes } from './random.ts';
import { chain, type MaybePromise } from './steps.ts';
import { isKeyWrapper, type KeyWrapper, unwrapByService, WRAP_KMS, wrapByService } from './wrapper.ts';

/** A source that needs nothing but the processor: its wraps are made and opened synchronously. */
export type LocalKeySource = EncryptionKey | KeyRing;

/**
 * Whatever can wrap and unwrap a data key. A ring stands for its keys: it seals with its primary one and opens with every key that is not
 * revoked or destroyed.
 */
export type KeySource = LocalKeySource | KeyWrapper | Passphrase;

/** A data key, in an array of the caller's own, and the kid of the wrap that it came from. */
export interface UnwrappedDataKey {
  readonly dataKey: Uint8Array;
  readonly kid: string;
}

/** One source or several as a list that has been checked: TypeError for anything that is no source, RangeError for none. Not public. */
export function listKeys(keys: KeySource | readonly KeySource[]): readonly KeySource[] {
  const list: readonly KeySource[] = Array.isArray(keys) ? keys : [keys as KeySource];
  if (list.length === 0) throw new RangeError('keys: expected at least one key, got none');
  for (const source of list) {
    if (source instanceof EncryptionKey) secretOf(source);
    else if (source instanceof KeyRing) heldKeysOf(source);
    else if (passphraseWork(source) === null && !isKeyWrapper(source)) {
      throw new TypeError('key: expected an EncryptionKey, a KeyRing, a KeyWrapper or a Passphrase');
    }
  }
  return list;
}

/**
 * One wrap of `dataKey` (32 bytes) for each of `sources`, in their order; a promise only when a source needs one. Draws, source by source:
 * 24 bytes for a key or a ring, none for a key service, 16 and 24 for a passphrase. `now` is asked only for the primary key of a ring.
 * `engines` make the wraps of keys and rings; without them, the engine that never waits does.
 *
 * RangeError for more than 8 sources, or two of one kid. `KEY_EXPIRED`: the primary key of a ring seals no more; `KEY_SERVICE`: a key service
 * failed, its error is the cause; `ENVELOPE_LIMIT`: what key services returned is too long for a header.
 */
export function wrapDataKeys(
  sources: readonly LocalKeySource[],
  dataKey: Uint8Array,
  immutable: Uint8Array,
  random: RandomBytes,
  now?: () => number,
): Wrap[];
export function wrapDataKeys(
  sources: readonly KeySource[],
  dataKey: Uint8Array,
  immutable: Uint8Array,
  random: RandomBytes,
  now?: () => number,
  engines?: Engines,
): Wrap[] | Promise<Wrap[]>;
export function wrapDataKeys(
  sources: readonly KeySource[],
  dataKey: Uint8Array,
  immutable: Uint8Array,
  random: RandomBytes,
  now: () => number = Date.now,
  engines: Engines = enginesAtOnce(),
): Wrap[] | Promise<Wrap[]> {
  if (sources.length > MAX_WRAPS) throw new RangeError(`keys: expected at most ${MAX_WRAPS}, got ${sources.length}`);
  const makers = sources.map((source) => (source instanceof KeyRing ? sealingKeyOf(source, now()) : source));
  if (new Set(makers.map(kidOf)).size < makers.length) throw new RangeError('keys: expected different kids, got one twice');
  const wraps = makers.map((source) => {
    if (source instanceof EncryptionKey) return wrapLocally(engines, source, dataKey, immutable, random(SALT_BYTES));
    const passphrase = passphraseWork(source);
    return passphrase === null ? wrapByService(source as KeyWrapper, dataKey, immutable) : passphrase.wrap(dataKey, immutable, random);
  });
  return wraps.some((wrap) => wrap instanceof Promise) ? Promise.all(wraps).then(checkHeaderFits) : (wraps as Wrap[]);
}

/**
 * The data key out of one of `wraps`. Keys and rings are tried first, by `engines` (without them, by the engine that never waits), then key
 * services, then passphrases, which are dear; a promise only when one of the latter two is asked, or an engine gives one. Where a blob has
 * several wraps for one kid of a service or passphrase, which no writer makes, only the first is tried: so a hostile blob costs no more than
 * one derivation for each passphrase.
 *
 * A key service that fails is not the end while another source opens the blob. When none does, the first code that applies:
 *
 * - `ENVELOPE_TAMPERED`, at once: the key is the right one, and the wrap is not authentic. No other wrap is tried then: the header MAC covers
 *   them all, so a changed one condemns the blob anyway;
 * - `ENVELOPE_LIMIT`, `ENVELOPE_MALFORMED`, `ENVELOPE_UNSUPPORTED_VERSION`, at once: the wrap of a passphrase asks for what it must not;
 * - `KEY_SERVICE`: a wrap names a key service, which failed;
 * - `KEY_REVOKED`: a wrap was made by a key that a ring has as revoked or destroyed; `details` has its kid, state and reason;
 * - `KEY_WRONG`: a wrap names a given key, but was made by another key of that name, or by another passphrase;
 * - `KEY_UNKNOWN`: no wrap names a key that was given; the message lists the kids of all wraps, the types that this version does not open
 *   included, since a reader who holds none of the keys is not helped by a newer version.
 */
export function unwrapDataKey(
  sources: readonly KeySource[],
  wraps: readonly Wrap[],
  immutable: Uint8Array,
  engines: Engines = enginesAtOnce(),
): UnwrappedDataKey | Promise<UnwrappedDataKey> {
  const { keys, refused } = openingKeys(sources);
  const missed: Missed = { failures: [], revoked: null, namesake: null };
  const local = wraps.filter(({ type }) => type === WRAP_LOCAL);
  for (const wrap of local) {
    for (const key of keys) {
      if (key.kid !== wrap.kid) continue;
      if (equalBytes(checkValueOf(key), wrap.kcv)) return unwrapLocally(engines, key, wrap, immutable);
      missed.namesake ??= wrap.kid;
    }
  }
  for (const wrap of local) {
    for (const entry of refused) {
      if (entry.kid !== wrap.kid) continue;
      if (equalBytes(hexToBytes(entry.kcv), wrap.kcv)) missed.revoked ??= entry;
      else missed.namesake ??= wrap.kid;
    }
  }
  const waiting = sources.some((source) => !(source instanceof EncryptionKey) && !(source instanceof KeyRing) && wrapFor(source, wraps));
  if (waiting) return unwrapByWaiting(sources, wraps, immutable, missed);
  throw explain(missed, sources, wraps);
}

/** Why nothing has opened the blob so far. */
interface Missed {
  readonly failures: unknown[];
  revoked: KeyRingEntry | null;
  namesake: string | null;
}

async function unwrapByWaiting(
  sources: readonly KeySource[],
  wraps: readonly Wrap[],
  immutable: Uint8Array,
  missed: Missed,
): Promise<UnwrappedDataKey> {
  for (const source of sources) {
    if (source instanceof EncryptionKey || source instanceof KeyRing || !isService(source)) continue;
    const wrap = wrapFor(source, wraps);
    if (wrap === undefined) continue;
    try {
      return { dataKey: await unwrapByService(source, wrap, immutable), kid: wrap.kid };
    } catch (error) {
      missed.failures.push(error);
    }
  }
  for (const source of sources) {
    const passphrase = passphraseWork(source);
    if (passphrase === null) continue;
    const wrap = wrapFor(source as Passphrase, wraps);
    if (wrap === undefined) continue;
    const dataKey = await passphrase.unwrap(wrap, immutable);
    if (dataKey !== null) return { dataKey, kid: wrap.kid };
    missed.namesake ??= wrap.kid;
  }
  throw explain(missed, sources, wraps);
}

function explain({ failures, revoked, namesake }: Missed, sources: readonly KeySource[], wraps: readonly Wrap[]): unknown {
  if (failures.length > 0) return failures[0];
  if (revoked !== null) {
    const { kid, state, revokedFor = null } = revoked;
    const reason = revokedFor === null ? '' : ` as ${revokedFor}`;
    return new PspError('KEY_REVOKED', `key ${showKid(kid)}: the ring has it as ${state}${reason}, and does not open with it`, {
      details: { kid, state, revokedFor },
    });
  }
  if (namesake !== null) return new PspError('KEY_WRONG', `key ${showKid(namesake)}: the blob was sealed by another key of this name`);
  const kids = wraps.map((wrap) => showKid(wrap.kid) + (wrap.type === WRAP_LOCAL ? '' : ` (wrap type ${wrap.type})`)).join(', ');
  const given = sources.reduce((sum, source) => sum + (source instanceof KeyRing ? heldKeysOf(source).length : 1), 0);
  return new PspError('KEY_UNKNOWN', `keys: expected one of ${kids}, got ${given} of other names`, { details: { kids } });
}

/** The keys that open, and what is known of those that a ring refuses. A key that is given by itself opens, whatever a ring says of it. */
function openingKeys(sources: readonly KeySource[]): { readonly keys: EncryptionKey[]; readonly refused: KeyRingEntry[] } {
  const keys: EncryptionKey[] = [];
  const refused: KeyRingEntry[] = [];
  for (const source of sources) {
    if (source instanceof EncryptionKey) keys.push(source);
    else if (source instanceof KeyRing) {
      for (const { entry, key } of heldKeysOf(source)) {
        if (key === null || entry.state === 'revoked') refused.push(entry);
        else keys.push(key);
      }
    }
  }
  return { keys, refused };
}

/** The first wrap of `source`'s type and kid. */
function wrapFor(source: KeyWrapper | Passphrase, wraps: readonly Wrap[]): Wrap | undefined {
  const ownType = isService(source) ? WRAP_KMS : WRAP_PASSPHRASE;
  return wraps.find(({ type, kid }) => type === ownType && kid === kidOf(source));
}

function kidOf(source: EncryptionKey | KeyWrapper | Passphrase): string {
  return source instanceof EncryptionKey || !isService(source) ? source.kid : source.id;
}

function isService(source: KeyWrapper | Passphrase): source is KeyWrapper {
  return passphraseWork(source) === null;
}

function wrapLocally(
  engines: Engines,
  key: EncryptionKey,
  dataKey: Uint8Array,
  immutable: Uint8Array,
  salt: Uint8Array,
): MaybePromise<Wrap> {
  const { kid } = key;
  const body = encryptDataKey(engines, deriverFor(engines, key), dataKey, { type: WRAP_LOCAL, kid, immutable }, salt);
  return chain(body, (bytes) => ({ type: WRAP_LOCAL, kid, kcv: checkValueOf(key), body: bytes }));
}

function unwrapLocally(engines: Engines, key: EncryptionKey, wrap: Wrap, immutable: Uint8Array): MaybePromise<UnwrappedDataKey> {
  const { kid } = key;
  const dataKey = decryptDataKey(engines, deriverFor(engines, key), wrap.body, { type: WRAP_LOCAL, kid, immutable });
  return chain(dataKey, (bytes) => ({ dataKey: bytes, kid }));
}

const derivers = new WeakMap<EncryptionKey, { readonly engine: Engine; readonly deriver: Deriver }>();

/** What derives from `key`: prepared once for all blobs, and kept as long as the key itself, which holds the same secret, or the engine. */
function deriverFor(engines: Engines, key: EncryptionKey): Deriver {
  const kept = derivers.get(key);
  if (kept?.engine === engines.mac) return kept.deriver;
  const deriver = deriverOf(engines, secretOf(key));
  derivers.set(key, { engine: engines.mac, deriver });
  return deriver;
}

function enginesAtOnce(): Engines {
  const engine = syncEngine();
  return { mac: engine, aeadKey: (key) => engine.aeadKey(key) };
}

/** Only a key service decides how long its wrap is. */
function checkHeaderFits(wraps: Wrap[]): Wrap[] {
  const wrapBytes = wraps.reduce((sum, { kid, body }) => sum + 12 + new TextEncoder().encode(kid).length + body.length, 0);
  const headerBytes = IMMUTABLE_BYTES + 2 + wrapBytes + MAC_BYTES;
  if (headerBytes <= MAX_HEADER_BYTES) return wraps;
  throw new PspError('ENVELOPE_LIMIT', `header length: expected at most ${MAX_HEADER_BYTES}, got ${headerBytes}`, {
    details: { limit: MAX_HEADER_BYTES, found: headerBytes },
  });
}
