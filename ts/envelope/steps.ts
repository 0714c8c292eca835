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

/** What `next` makes of `value`; a promise only when one of the two is one. */
export function chain<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * The results of two computations, which wait side by side where they wait at all. Throws what the first of them that failed threw, and not
 * before both have ended, so that nothing they read has to stay longer.
 */
export function* together<T, U>(first: Steps<T>, second: Steps<U>): Steps<readonly [T, U]> {
  const step = first.next();
  if (step.done === true) return [step.value, yield* second];
  const both = [runAsync(first, step), runAsync(second)];
  const [one, two] = (yield Promise.allSettled(both)) as [PromiseSettledResult<T>, PromiseSettledResult<U>];
  if (one.status === 'rejected') throw one.reason;
  if (two.status === 'rejected') throw two.reason;
  return [one.value, two.value];
}

/** Runs `steps` to its end, waiting where it has to. Rejects with what it throws. `begun` is where it stands if it has been begun. */
export async function runAsync<T>(steps: Steps<T>, begun: IteratorResult<Promise<unknown>, T> = steps.next()): Promise<T> {
  let step = begun;
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
