/**
 * Which engine computes what. The one place that knows runtimes: Node and Bun use node:crypto for everything; Deno its node:crypto for
 * HMAC and short payloads and WebCrypto from {@link DENO_CROSSOVER_BYTES}; browsers and workers WebCrypto; and noble is left where nothing
 * else is there. The crossovers are measured by `npm run bench -- crypto`. All engines give the same bytes, so the choice is one of speed.
 */

import { PspError } from '../errors.ts';
import { nobleEngine } from './engine/noble.ts';
import { findNodeEngine } from './engine/node.ts';
import type { AeadKey, Engine, EngineKind, SyncEngine } from './engine/primitives.ts';
import { findWebCryptoEngine } from './engine/webcrypto.ts';

export type { EngineKind } from './engine/primitives.ts';

/**
 * Payload bytes from which Deno's WebCrypto beats its node:crypto, the import of the key included. Its node:crypto ends near 200 MiB/s;
 * below this size the price of waiting is more than that.
 */
const DENO_CROSSOVER_BYTES = 4096;

/** The engine of each primitive, for one sealing or opening. */
export interface Engines {
  /** Computes HMACs: derivation, context, header. */
  readonly mac: Engine;
  /** AES-GCM for a payload of `payloadBytes`. */
  aeadKey(key: Uint8Array, payloadBytes: number): AeadKey;
}

/** Who computes what, by name. */
export interface ActiveEngine {
  /** `chosen` for the runtime, or `pinned` by {@link useEngine}. */
  readonly reason: 'chosen' | 'pinned';
  /** HMAC: derivation, context, header. */
  readonly mac: EngineKind;
  /** AES-GCM of payloads of fewer than `crossoverBytes` bytes. */
  readonly shortPayload: EngineKind;
  /** AES-GCM of all other payloads. */
  readonly longPayload: EngineKind;
  /** 0 where both are the same. */
  readonly crossoverBytes: number;
  /** Everything in synchronous calls, and the check values of keys in all calls. */
  readonly sync: SyncEngine['kind'];
}

interface Choice {
  readonly reason: 'chosen' | 'pinned';
  readonly mac: Engine;
  readonly shortPayload: Engine;
  readonly longPayload: Engine;
  readonly crossoverBytes: number;
  readonly sync: SyncEngine;
}

let choice: Choice | null = null;

/**
 * Uses one engine for everything from now on, in this copy of the module; null returns to the choice by runtime. WebCrypto never answers
 * at once, so while it is pinned the check values of keys are noble's, and synchronous calls fail.
 *
 * `ENVELOPE_NO_CRYPTO`: this runtime has no such engine (a page over plain http has no `crypto.subtle`); what was in use stays in use.
 */
export function useEngine(kind: EngineKind | null): void {
  choice = kind === null ? null : pin(kind);
}

/** Which engine is in use for what. Makes the choice if nothing has yet. */
export function activeEngine(): ActiveEngine {
  const { reason, mac, shortPayload, longPayload, crossoverBytes, sync } = current();
  return {
    reason,
    mac: mac.kind,
    shortPayload: shortPayload.kind,
    longPayload: longPayload.kind,
    crossoverBytes,
    sync: sync.kind,
  };
}

/** The engines for a call that may wait. Not public. */
export function engines(): Engines {
  const { mac, shortPayload, longPayload, crossoverBytes } = current();
  return { mac, aeadKey: (key, payloadBytes) => (payloadBytes < crossoverBytes ? shortPayload : longPayload).aeadKey(key) };
}

/** The engines for a call that may not wait. `ENVELOPE_NO_CRYPTO` while WebCrypto is pinned. Not public. */
export function syncEngines(): Engines {
  const { mac, sync } = current();
  if (mac.kind === 'webcrypto' && current().reason === 'pinned') {
    throw new PspError('ENVELOPE_NO_CRYPTO', 'engine: WebCrypto is pinned, and has no synchronous form');
  }
  return { mac: sync, aeadKey: (key) => sync.aeadKey(key) };
}

/** The engine for work on a few bytes that may not wait: node:crypto, or noble where there is none or another engine is pinned. Not public. */
export function syncEngine(): SyncEngine {
  return current().sync;
}

function current(): Choice {
  choice ??= choose();
  return choice;
}

function choose(): Choice {
  const node = findNodeEngine();
  const web = findWebCryptoEngine();
  const reason = 'chosen';
  if (node !== null && web !== null && 'Deno' in globalThis) {
    return { reason, mac: node, shortPayload: node, longPayload: web, crossoverBytes: DENO_CROSSOVER_BYTES, sync: node };
  }
  const engine = node ?? web ?? nobleEngine;
  return { reason, mac: engine, shortPayload: engine, longPayload: engine, crossoverBytes: 0, sync: node ?? nobleEngine };
}

function pin(kind: EngineKind): Choice {
  const engine = findEngine(kind);
  if (engine === null) throw new PspError('ENVELOPE_NO_CRYPTO', `engine ${kind}: this runtime has none`, { details: { engine: kind } });
  const sync = engine.kind === 'webcrypto' ? nobleEngine : (engine as SyncEngine);
  return { reason: 'pinned', mac: engine, shortPayload: engine, longPayload: engine, crossoverBytes: 0, sync };
}

function findEngine(kind: EngineKind): Engine | null {
  switch (kind) {
    case 'noble':
      return nobleEngine;
    case 'node':
      return findNodeEngine();
    case 'webcrypto':
      return findWebCryptoEngine();
    default:
      throw new TypeError(`engine: expected noble, webcrypto or node, got ${String(kind)}`);
  }
}
