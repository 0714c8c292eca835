/**
 * All that is computed of an item before it is written: it is checked (`import-check.ts`), named by its write id, and sealed where the store has keys and it
 * is clear. Nothing here knows a provider, so the work can be done in the import's own thread or in another one (`import-threads.ts`), with one result.
 */

import type { SyncMacKey } from '../envelope/engine/primitives.ts';
import { toHex } from './hex.ts';
import { type CheckOptions, checkItem, type ItemClaims, openItem, type SessionFacts, withRevision } from './import-check.ts';
import { cannotRenew } from './import-item.ts';
import { contextFor, type RecordSeal, sealBlob } from './record.ts';

/** What an item needs of an import; no item needs more. */
export interface Preparation extends Pick<CheckOptions, 'level' | 'macKeys'> {
  readonly seal: RecordSeal;
  /** Under the secret of the import. */
  readonly writeIds: SyncMacKey;
}

/** An item that is ready to be written. */
export interface PreparedItem {
  readonly id: string;
  readonly facts: SessionFacts;
  /** The same in every run of one import for the same item, and for no other. */
  readonly writeId: string;
  /** The value of its record: the item's own array where that is stored as it is. */
  readonly value: Uint8Array;
}

const WRITE_ID_BYTES = 16;

/** Checks and seals `bytes`, those of `item`. Errors of {@link checkItem} and of `seal`. */
export async function prepareItem(bytes: Uint8Array, item: ItemClaims, preparation: Preparation): Promise<PreparedItem> {
  const { id, facts, identity, isSealed, blob, schemaVersion } = await checkItem(bytes, item, checkOptionsOf(preparation));
  const { incarnation, revision } = facts;
  return {
    id,
    facts,
    writeId: toHex(preparation.writeIds.sign(identity).subarray(0, WRITE_ID_BYTES)),
    value: isSealed ? blob : await sealBlob(preparation.seal, blob, { id, incarnation, revision, schemaVersion: schemaVersion! }),
  };
}

/** The value of an item that {@link prepareItem} found good, with another revision in it. `STORE_CONFLICT` where that is sealed, and not to be opened. */
export async function renewItem(bytes: Uint8Array, item: ItemClaims, revision: number, preparation: Preparation): Promise<Uint8Array> {
  const { id, incarnation, blob } = await readItem(bytes, item, preparation);
  const renewed = withRevision(blob, revision);
  return sealBlob(preparation.seal, renewed.blob, { id, incarnation, revision, schemaVersion: renewed.schemaVersion });
}

/** The clear blob of an item that {@link prepareItem} found good: looked at anew, since few items need it. `STORE_CONFLICT` as {@link renewItem}. */
export async function readItem(
  bytes: Uint8Array,
  item: ItemClaims,
  preparation: Preparation,
): Promise<{ readonly id: string; readonly incarnation: string; readonly blob: Uint8Array }> {
  const options = checkOptionsOf(preparation);
  const checked = await checkItem(bytes, item, options);
  if (checked.isSealed && preparation.level !== 'full') throw cannotRenew();
  return { id: checked.id, incarnation: checked.facts.incarnation, blob: await openItem(bytes, item, checked, options) };
}

function checkOptionsOf({ level, macKeys, seal }: Preparation): CheckOptions {
  return { level, macKeys, keys: seal.keys, contextOf: (id) => contextFor(seal, id) };
}
