/**
 * What an import and its threads say to each other. Items go in batches, their bytes one behind the other in one buffer that travels there and back; what
 * comes back of an item is less than a hundred bytes, unless it was sealed or encoded anew. Keys go once, in the first message.
 */

import { activeEngine, type EngineKind, syncEngine, useEngine } from '../envelope/engine.ts';
import type { MacKey } from '../envelope/key.ts';
import { copyKeys, copyMacKeys, type KeyCopy, keysFrom, macKeysFrom, type RingCopy, wipeKeys } from '../envelope/key-copy.ts';
import type { ItemClaims, VerifyLevel } from './import-check.ts';
import type { Preparation } from './import-prepare.ts';
import type { RecordSeal } from './record.ts';

/** The first message to a thread, for each import. Holds secrets. */
export interface Beginning {
  readonly level: VerifyLevel;
  readonly tenant: string | undefined;
  readonly keys: readonly (KeyCopy | RingCopy)[] | null;
  readonly macKeys: readonly KeyCopy[] | null;
  /** The secret of write ids. */
  readonly nonce: Uint8Array;
  /** The engine that is pinned; null: whatever is chosen there. */
  readonly engine: EngineKind | null;
}

/** The answer to the first of them: the thread has started, and batches may come at once from now on. */
export const READY = 'ready';

/** Sent when the import is over, and no batch under way: its keys are to be forgotten. Another beginning may come. */
export const REST = 'rest';

/** Items to be prepared. */
export interface Batch {
  /** The bytes of the items, in their order, from the start of the buffer on. */
  readonly buffer: ArrayBuffer;
  readonly lengths: readonly number[];
  readonly items: readonly ItemClaims[];
}

/** What became of a batch, by columns: names of members would be most of the message. Null stands for an item that is to be looked at elsewhere. */
export interface BatchAnswer {
  /** That of the batch, to be used again. */
  readonly buffer: ArrayBuffer;
  readonly ids: readonly (string | null)[];
  readonly incarnations: readonly string[];
  readonly writeIds: readonly string[];
  readonly revisions: readonly number[];
  readonly expiries: readonly (number | null)[];
  /** Null: the bytes of the item, as they are. */
  readonly values: readonly (Uint8Array | null)[];
}

/** The beginning of a thread for an import; null where one of its keys is a function of this thread: a key service or a passphrase. */
export function beginningOf(
  level: VerifyLevel,
  seal: RecordSeal,
  macKeys: MacKey | readonly MacKey[] | null,
  nonce: Uint8Array,
): Beginning | null {
  const keys = seal.keys === null ? null : copyKeys(seal.keys);
  if (seal.keys !== null && keys === null) return null;
  const { reason, mac } = activeEngine();
  const list = macKeys === null ? null : copyMacKeys(Array.isArray(macKeys) ? macKeys : [macKeys as MacKey]);
  return { level, tenant: seal.tenant, keys, macKeys: list, nonce, engine: reason === 'pinned' ? mac : null };
}

/** In the thread: what items are prepared with, and what wipes the keys of it. The copies in the message are wiped here. */
export function preparationOf({ level, tenant, keys, macKeys, nonce, engine }: Beginning): {
  readonly preparation: Preparation;
  forget(): void;
} {
  useEngine(engine);
  const own = { keys: keys === null ? null : keysFrom(keys), macKeys: macKeys === null ? null : macKeysFrom(macKeys) };
  const writeIds = syncEngine().macKey('SHA-256', nonce);
  return {
    preparation: { level, seal: { keys: own.keys, tenant }, macKeys: own.macKeys, writeIds },
    forget() {
      wipeKeys(own.keys ?? [], own.macKeys ?? []);
      writeIds.wipe();
    },
  };
}
