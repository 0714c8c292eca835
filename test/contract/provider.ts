/**
 * The contract of ts/provider.ts as tests: call {@link providerContract} with a way to make an empty provider. What only one kind
 * of provider promises (file modes, surviving kill -9) is tested beside that provider. The cases are in `provider/`, by subject.
 */

import { onTestFinished } from 'vitest';
import type { StorageProvider } from '../../ts/provider.ts';
import { type Clock, START_MS } from './provider/clock.ts';
import { expiryContract } from './provider/expiry.ts';
import { keyContract } from './provider/key.ts';
import { valueContract } from './provider/value.ts';
import { versionContract } from './provider/version.ts';

/** An empty provider that reads the time from the clock it was given, and how to clear it away. */
export interface ProviderUnderTest {
  readonly provider: StorageProvider;
  readonly dispose: () => Promise<void>;
}

/** Makes an empty provider; `clock` gives milliseconds since the epoch. */
export type MakeProvider = (clock: () => number) => Promise<ProviderUnderTest>;

/** Runs every case of the contract as tests named after `name`. */
export function providerContract(name: string, make: MakeProvider): void {
  const clock: Clock = { nowMs: START_MS };

  async function start(): Promise<StorageProvider> {
    clock.nowMs = START_MS;
    const { provider, dispose } = await make(() => clock.nowMs);
    onTestFinished(dispose);
    return provider;
  }

  valueContract(name, start);
  keyContract(name, start);
  versionContract(name, start);
  expiryContract(name, start, clock);
}
