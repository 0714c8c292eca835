/** A provider core that passes everything on to another provider: what tests change single operations of. */

import type { Condition, PutRequest } from '../../providers/contract.ts';
import type { ProviderCore } from '../../providers/provide.ts';
import type { PutOptions, StorageProvider } from '../../ts/provider.ts';

/** The operations of `inner` as a core. Streams are not passed on, and `capabilities` says so. */
export function delegateTo(inner: StorageProvider): ProviderCore {
  return {
    name: inner.name,
    get capabilities() {
      return { ...inner.capabilities, streams: false };
    },
    timeoutMs: 0,
    open: ({ signal }) => inner.open({ signal }),
    get: (key, range, { signal }) => inner.get(key, { signal, ...(range === null ? {} : { range: [range.from, range.to] }) }),
    head: (key, { signal }) => inner.head(key, { signal }),
    put: (request, { signal }) => inner.put(request.key, request.value, { signal, ...optionsOf(request) }),
    delete: (key, condition, { signal }) => inner.delete(key, { signal, ...matchOf(condition) }),
    touch: (key, expiresAt, condition, { signal }) => inner.touch(key, expiresAt, { signal, ...matchOf(condition) }),
    listPage: ({ prefix, cursor, limit }, { signal }) => inner.listPage({ signal, prefix, limit, ...(cursor === null ? {} : { cursor }) }),
    getMany: (keys, { signal }) => inner.getMany(keys, { signal }),
    putMany: (requests, { signal }) =>
      inner.putMany(
        requests.map((request) => ({ key: request.key, value: request.value, ...optionsOf(request) })),
        { signal },
      ),
    deleteMany: (keys, { signal }) => inner.deleteMany(keys, { signal }),
    sweep: ({ signal }) => inner.sweep({ signal }),
    async ping({ signal }) {
      const { error } = await inner.health({ signal });
      if (error !== null) throw error;
    },
    close: () => inner.close(),
  };
}

/** The options of a put that is checked already. */
export function optionsOf({ condition, expiresAt, metadata }: Omit<PutRequest, 'value' | 'key'>): PutOptions {
  return {
    metadata,
    ...matchOf(condition),
    ...(condition.absent ? { ifNoneMatch: '*' } : {}),
    ...(expiresAt === null ? {} : { expiresAt }),
  };
}

function matchOf({ ifMatch }: Condition): Pick<PutOptions, 'ifMatch'> {
  return ifMatch === null ? {} : { ifMatch };
}
