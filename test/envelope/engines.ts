/** The engines as the tests run over them: each alone, and the format's steps on a given one. */

import { nobleEngine } from '../../ts/envelope/engine/noble.ts';
import { findNodeEngine } from '../../ts/envelope/engine/node.ts';
import type { Engine, EngineKind } from '../../ts/envelope/engine/primitives.ts';
import { findWebCryptoEngine } from '../../ts/envelope/engine/webcrypto.ts';
import type { Engines } from '../../ts/envelope/engine.ts';

/** Every engine there is; Node has them all. */
export const ENGINES: Readonly<Record<EngineKind, Engine>> = {
  noble: nobleEngine,
  node: present(findNodeEngine()),
  webcrypto: present(findWebCryptoEngine()),
};

export const KINDS: readonly EngineKind[] = ['noble', 'node', 'webcrypto'];

/** One engine for every primitive. */
export function only(kind: EngineKind): Engines {
  const engine = ENGINES[kind];
  return { mac: engine, aeadKey: (key) => engine.aeadKey(key) };
}

function present<T>(engine: T | null): T {
  if (engine === null) throw new Error('the tests need a runtime that has every engine');
  return engine;
}
