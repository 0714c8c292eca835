/**
 * `persistent-sessions/store`: sessions in a provider. What a store promises is in `store.ts`; this file makes one out of its parts and names what is
 * public. Retries are decided in `retry.ts`, writes are made in `write.ts`, which session may replace which is in `put.ts`.
 */

import type { SealContext } from '../envelope/context.ts';
import { systemRandom } from '../envelope/random.ts';
import { listKeys } from '../envelope/wrap.ts';
import { PspError } from '../errors.ts';
import { compactSession } from '../merge/merge.ts';
import type { RecordHead, StorageProvider } from '../provider.ts';
import { getRecords, putSessions, settleAll } from './batch.ts';
import { checkOut, newEpoch, type Shelf } from './checkout.ts';
import { headOf, listHeads } from './list.ts';
import { measure, measureEach, type Operation, type StoreOperation } from './metrics.ts';
import { checkName, keyOf, lastIdOf, prefixOf } from './namespace.ts';
import { keepParts, openProvider, readHead, type StoreParts } from './parts.ts';
import { checkCount } from './pool.ts';
import { decideDelete, decidePut } from './put.ts';
import { decodeStored, readSession } from './read.ts';
import { contextFor } from './record.ts';
import { isWrittenOn, malformed, readFacts } from './record-facts.ts';
import { Retry } from './retry.ts';
import type { ChangeSession, SessionStore, SessionStoreOptions, StoreCallOptions, StoredSession, UpdateOptions } from './store.ts';
import { conflict, demandConditions, gone, writeRecord } from './write.ts';
import { sessionKeyOf } from './writer-object.ts';
import { demandEpoch, hasConditions, readShown, writersOf } from './writers.ts';

export { type AuditEntry, type AuditLog, type AuditOutcome, type VerifiedAudit, verifyAudit } from './audit.ts';
export type { RotationCheckpoint } from './checkpoint.ts';
export { type CopyFailure, type CopyOptions, type CopyProgress, type CopyResult, copyAll } from './copy.ts';
export { type ExportedSession, type ExportForm, type ExportOptions, type ExportProgress, type ExportResult, exportMany } from './export.ts';
export {
  type ConflictRule,
  type ImportItem,
  type ImportOptions,
  type ImportOutcome,
  type ImportProgress,
  type ImportResult,
  type ImportRun,
  type ImportSummary,
  importMany,
  type Stored,
  type VerifyLevel,
  type WithoutThreads,
} from './import.ts';
export type { RunOptions } from './marked-run.ts';
export type { StoreMetric, StoreOperation } from './metrics.ts';
export type { RetryOptions } from './retry.ts';
export { type RotateOptions, type RotationFailure, type RotationProgress, type RotationResult, rotateStore } from './rotate.ts';
export type { RotationKeys, RotationMode } from './rotation-keys.ts';
export type {
  ChangeSession,
  Checkout,
  CheckoutDriver,
  CheckoutOptions,
  Commit,
  CommitOptions,
  DamagedSession,
  DeleteSessionOptions,
  GetSessionOptions,
  LeaseOptions,
  ListSessionsOptions,
  PutManyOptions,
  PutSessionOptions,
  SessionHead,
  SessionStore,
  SessionStoreOptions,
  StoreCallOptions,
  StoredSession,
  StoredVersion,
  UpdateOptions,
} from './store.ts';
export {
  type SessionTransfer,
  type TransferAllOptions,
  type TransferChoices,
  type TransferFailure,
  type TransferOptions,
  type TransferOutcome,
  type TransferProgress,
  type TransferResult,
  transferAll,
  transferSession,
} from './transfer.ts';

const DAY_MS = 86_400_000;

/**
 * A store of sessions in `provider`, which stays the caller's: it is not closed. TypeError and RangeError for wrong options. Nothing is done before the
 * first operation.
 *
 * @example
 * const store = sessionStore(memory(), { keys: generateKey() });
 * await store.put(session);
 * await store.update(session.id, (stored) => ({ ...stored, name: 'work' }));
 * await store.delete(session.id);
 */
export function sessionStore(provider: StorageProvider, options: SessionStoreOptions): SessionStore {
  const { keys, tenant, namespace = '', now = Date.now, retry = {}, random = systemRandom, onMetric, tombstoneMs = 30 * DAY_MS } = options;
  if (keys === undefined) throw new TypeError('keys: expected a key, several, or null for sessions in the clear');
  if (tenant !== undefined && typeof tenant !== 'string') throw new TypeError(`tenant: expected a string, got ${typeof tenant}`);
  checkCount('tombstoneMs', tombstoneMs, 100 * 365 * DAY_MS);
  const parts: StoreParts = {
    provider,
    keys: keys === null ? null : listKeys(keys),
    tenant,
    prefix: prefixOf(namespace),
    now,
    random,
    retry: new Retry(retry, random),
    tombstoneMs,
    onMetric,
  };
  return storeOf(parts);
}

function storeOf(parts: StoreParts): SessionStore {
  const { provider, prefix, retry, onMetric, random } = parts;
  const writers = writersOf(parts);
  const shelf: Shelf = {
    read: (operation, id) => readShown(parts, operation, id),
    replace: async (operation, id, merge) => {
      if (!(await hasConditions(parts, operation))) return writers.replace(operation, id, merge);
      return updateAt(parts, operation, id, merge, {});
    },
  };

  function run<T>(name: StoreOperation, options: StoreCallOptions, work: (operation: Operation) => Promise<T>): Promise<T> {
    return measure(onMetric, name, options, work);
  }

  async function deleteAt(operation: Operation, id: string, ifMatch?: StoredSession['version']): Promise<boolean> {
    const key = keyOf(prefix, id);
    if (!(await hasConditions(parts, operation))) return writers.delete(operation, id);
    return (await writeRecord(parts, operation, { key, decide: decideDelete(parts), ifMatch })) !== null;
  }

  const store: SessionStore = {
    provider,
    namespace: prefix.slice(0, -1),

    put: (session, options = {}) =>
      run('put', options, async (operation) => {
        const { ifMatch, ifNoneMatch } = options;
        if (ifMatch !== undefined && ifNoneMatch !== undefined) throw new TypeError('put: ifMatch and ifNoneMatch exclude each other');
        const key = keyOf(prefix, session.id);
        if (ifMatch !== undefined || ifNoneMatch !== undefined) await demandConditions(parts, operation, 'a put with a condition');
        await demandEpoch(parts, operation, session);
        // What is to be new is tried first, and looked at only where something is there.
        const seen = ifNoneMatch === undefined ? {} : { seen: null };
        return (await writeRecord(parts, operation, { key, ifMatch, decide: decidePut(parts, session, options), ...seen }))!;
      }),

    get: (id, options = {}) => run('get', options, (operation) => readShown(parts, operation, id, options.minRevision)),

    head: (id, options = {}) =>
      run('head', options, async (operation) => {
        if (!(await hasConditions(parts, operation))) return writers.head(operation, id);
        const head = await readHead(parts, operation, keyOf(prefix, id));
        return head === null ? null : headOf(id, head, readFacts(head));
      }),

    delete: (id, options = {}) =>
      run('delete', options, async (operation) => {
        if (options.ifMatch !== undefined) await demandConditions(parts, operation, 'a delete with a condition');
        return deleteAt(operation, id, options.ifMatch);
      }),

    purge: (id, options = {}) =>
      run('purge', options, async (operation) => {
        const key = keyOf(prefix, id);
        return (await hasConditions(parts, operation)) ? purgeAt(parts, operation, key) : writers.purge(operation, id);
      }),

    list: (options = {}) =>
      measureEach(onMetric, 'list', options, async function* (operation) {
        yield* (await hasConditions(parts, operation)) ? listHeads(parts, operation, options) : writers.list(operation, options);
      }),

    getMany: (ids, options = {}) =>
      run('getMany', options, async (operation) => {
        const keys = ids.map((id) => keyOf(prefix, id));
        if (!(await hasConditions(parts, operation))) return settleAll(operation, ids, (id) => writers.read(operation, id));
        const records = await getRecords(parts, operation, keys);
        return Promise.allSettled(
          records.map(async (record, at) => {
            if (record.status === 'rejected') throw record.reason;
            return record.value === null ? null : ((await decodeStored(parts, operation, ids[at]!, record.value))?.stored ?? null);
          }),
        );
      }),

    putMany: (sessions, options = {}) =>
      run('putMany', options, async (operation) => {
        if (options.ifNoneMatch !== undefined) await demandConditions(parts, operation, 'a put with a condition');
        return putSessions(parts, operation, sessions, options, (session) => demandEpoch(parts, operation, session));
      }),

    deleteMany: (ids, options = {}) =>
      run('deleteMany', options, (operation) => {
        for (const id of ids) keyOf(prefix, id);
        return settleAll(operation, ids, (id) => deleteAt(operation, id));
      }),

    update: (id, change, options = {}) => run('update', options, (operation) => updateAt(parts, operation, id, change, options)),

    checkout: (id, options = {}) => checkOut(parts, shelf, id, options),

    compact: (id, options = {}) =>
      run('compact', options, (operation) =>
        updateAt(parts, operation, id, (session) => compactSession(session, newEpoch(random)), options),
      ),

    withNamespace(name) {
      checkName(name);
      return storeOf({ ...parts, prefix: `${prefix}${name}/` });
    },

    sweep: (options = {}) => run('sweep', options, (operation) => retry.read(operation, () => provider.sweep(operation.call))),

    contextOf(key): SealContext {
      const id = key.startsWith(prefix) ? lastIdOf(sessionKeyOf(key) ?? key) : null;
      if (id === null) throw malformed('its key is none of this store');
      return contextFor(parts, id);
    },
  };
  keepParts(store, parts);
  return store;
}

async function updateAt(
  parts: StoreParts,
  operation: Operation,
  id: string,
  change: ChangeSession,
  { maxAttempts = 100 }: UpdateOptions,
): Promise<StoredSession> {
  checkCount('maxAttempts', maxAttempts, Number.MAX_SAFE_INTEGER);
  const key = keyOf(parts.prefix, id);
  await demandConditions(parts, operation, 'an update');
  for (let attempt = 1; ; attempt++) {
    const read = await readSession(parts, operation, id);
    if (read === null) throw gone('there is none under this id any more');
    const { session: before, version, revision } = read.stored;
    const session = await change(before);
    operation.call.signal?.throwIfAborted();
    if (session === null) return read.stored;
    if (session.id !== before.id || session.incarnation !== before.incarnation) {
      throw new TypeError('update: expected a session of the same id and incarnation as the stored one');
    }
    const decide = decidePut(parts, session, { ifMatch: version });
    try {
      const written = (await writeRecord(parts, operation, { key, ifMatch: version, seen: { version, facts: read.facts }, decide }))!;
      return { ...written, session: { ...session, revision: written.revision } };
    } catch (error) {
      const isLostRace = error instanceof PspError && error.code === 'STORE_CONFLICT' && error.details['found'] === 'version';
      if (!isLostRace) throw error;
      if (attempt >= maxAttempts) {
        throw conflict('attempts', `update: lost ${maxAttempts} races against other writers, the last at revision ${revision}`, error);
      }
    }
    await parts.retry.waitAfterRace(operation, attempt);
  }
}

/**
 * Removes what is there, or what was written on it meanwhile. Where the provider can, only exactly what was seen, so that it may be tried again: what is
 * created after a delete whose reply was lost stays.
 */
async function purgeAt(parts: StoreParts, operation: Operation, key: string): Promise<void> {
  const { provider, retry } = parts;
  await openProvider(parts, operation);
  if (!provider.capabilities.conditionalDelete) {
    await provider.delete(key, operation.call);
    return;
  }
  let first: RecordHead | null = null;
  for (let races = 1; ; races++) {
    const head = await readHead(parts, operation, key);
    if (head === null || (first !== null && !isWrittenOn(first, head))) return;
    first ??= head;
    try {
      await retry.read(operation, () => provider.delete(key, { ...operation.call, ifMatch: head.version }));
      return;
    } catch (error) {
      if (!(error instanceof PspError) || error.code !== 'PROVIDER_CONFLICT' || races >= 100) throw error;
    }
    await retry.waitAfterRace(operation, races);
  }
}
