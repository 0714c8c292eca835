/**
 * What crypto-runtimes.ts bundles and runs in Node, Deno and Chromium: calls that take and give JSON.
 */

import { activeEngine, useEngine } from '../../ts/envelope/envelope.ts';
import { PspError } from '../../ts/errors.ts';
import { listEngines, openBlobs, sealBlobs } from './crypto-blobs.ts';
import { runVectors } from './crypto-vectors.ts';

/** The code with which each engine that is asked for is refused, or null; and what is in use without a pin. */
async function describeEngines(): Promise<object> {
  const refusals = (['noble', 'node', 'webcrypto'] as const).map((kind) => {
    try {
      useEngine(kind);
      return [kind, null];
    } catch (error) {
      return [kind, error instanceof PspError ? error.code : String(error)];
    }
  });
  useEngine(null);
  return {
    isSecureContext: (globalThis as { isSecureContext?: boolean }).isSecureContext ?? null,
    hasSubtle: globalThis.crypto.subtle !== undefined,
    active: activeEngine(),
    refusals: Object.fromEntries(refusals),
  };
}

/** What can be called. */
export const CALLS = { describeEngines, listEngines, openBlobs, runVectors, sealBlobs } as const;
