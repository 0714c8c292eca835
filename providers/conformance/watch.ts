/** A provider that behaves as the one inside it and notes every error that comes out: rejections, and errors inside of results. */

import type { StorageProvider } from '../../ts/provider.ts';

/** `provider`, with each error that its calls give put into `errors` as well. */
export function watch(provider: StorageProvider, errors: unknown[]): StorageProvider {
  // Over an empty object: a proxy may not change what a frozen one says.
  return new Proxy({} as StorageProvider, {
    get(_, name) {
      const member: unknown = Reflect.get(provider, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const result: unknown = member.apply(provider, args);
        if (result instanceof Promise) {
          return result.then(
            (value: unknown) => {
              errors.push(...errorsIn(value));
              return value;
            },
            (error: unknown) => {
              errors.push(error);
              throw error;
            },
          );
        }
        return isIterable(result) ? watchEach(result, errors) : result;
      };
    },
  });
}

/** Errors that a result holds: of a batch, of a page, of `health`. */
function errorsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item: { reason?: unknown }) => (item?.reason === undefined ? [] : [item.reason]));
  const { damaged, error } = (value ?? {}) as { damaged?: readonly { error: unknown }[]; error?: unknown };
  return [...(damaged ?? []).map((record) => record.error), ...(error == null ? [] : [error])];
}

async function* watchEach(items: AsyncIterable<unknown>, errors: unknown[]): AsyncIterable<unknown> {
  try {
    yield* items;
  } catch (error) {
    errors.push(error);
    throw error;
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
