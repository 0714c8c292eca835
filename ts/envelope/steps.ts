/**
 * Work that may have to wait, written once. Whether sealing waits depends on the engine and on the keys: node:crypto and noble never do,
 * WebCrypto and key services always. So the format is written as generators that yield the promises they meet, and the edge decides how
 * they run: {@link runAsync} waits for each, {@link runSync} refuses to.
 */

/** A result that is there, or on its way. */
export type MaybePromise<T> = T | Promise<T>;

/** A computation that yields each promise it has to wait for, and is given what the promise held. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** The value of `value`, waited for only when it is a promise. */
export function* waitFor<T>(value: MaybePromise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** Runs `steps` to its end, waiting where it has to. Rejects with what it throws. */
export async function runAsync<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next();
  while (step.done !== true) {
    let value: unknown;
    try {
      value = await step.value;
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

/** Runs `steps` to its end at once. TypeError where it would have to wait; what it holds is wiped by its own `finally` then. */
export function runSync<T>(steps: Steps<T>): T {
  const step = steps.next();
  if (step.done === true) return step.value;
  step.value.catch(() => undefined); // started already, and of no more interest
  steps.throw(new TypeError('keys: expected keys that need no waiting in a synchronous call, got a key service or a slow derivation'));
  throw new Error('steps went on after a failure');
}
