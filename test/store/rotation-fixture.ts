/** What the tests of rotation share: rings in each state, stores full of blobs, providers that misbehave, and the looks at what is left. */

import { expect } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { open } from '../../ts/envelope/open.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { seal } from '../../ts/envelope/seal.ts';
import type { KeySource } from '../../ts/envelope/wrap.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import type { AuditLog } from '../../ts/store/audit.ts';
import type { RotationCheckpoint } from '../../ts/store/checkpoint.ts';
import { keyOf, plaintextOf } from '../envelope/fixture.ts';

export const NOW = 1_800_000_000_000;
export const OLD = keyOf('old', 1);
export const NEW = keyOf('new', 2);

/** `old` opens, `new` seals. */
export function promoted(): KeyRing {
  return KeyRing.of(OLD, NOW).add(NEW, NOW).promote('new', NOW);
}

/** The same, with `old` revoked. */
export function revoked(reason: 'compromised' | 'retired'): KeyRing {
  return promoted().revoke('old', reason, NOW);
}

/** Plaintext of the record `key`: some bytes that no other has. */
export function contentOf(key: string): Uint8Array {
  const text = new TextEncoder().encode(`content of ${key};`);
  const bytes = plaintextOf(100 + text.length);
  bytes.set(text);
  return bytes;
}

export function contextOf(key: string): { sessionId: string } {
  return { sessionId: key };
}

/** Keys `blob-0000` and on. */
export function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `blob-${String(at).padStart(4, '0')}`);
}

/** Puts a sealed blob under each of `keys`, with metadata that names it. */
export async function fill(
  provider: StorageProvider,
  keys: readonly string[],
  sealedWith: KeySource | readonly KeySource[],
): Promise<void> {
  const left = [...keys];
  async function work(): Promise<void> {
    for (let key = left.shift(); key !== undefined; key = left.shift()) {
      await provider.put(key, await seal(contentOf(key), sealedWith, contextOf(key)), { metadata: { of: key } });
    }
  }
  await Promise.all(Array.from({ length: 8 }, work));
}

/** A provider in memory with `count` blobs for `sealedWith`. */
export async function filled(count: number, sealedWith: KeySource | readonly KeySource[] = OLD): Promise<StorageProvider> {
  const provider = memory({ now: () => NOW });
  await fill(provider, keysOf(count), sealedWith);
  return provider;
}

/** Asserts that every one of `keys` is there, opens with `key` alone, and is what was put. */
export async function expectAllOn(
  provider: StorageProvider,
  keys: readonly string[],
  key: KeySource,
  kids: readonly string[] = ['new'],
): Promise<void> {
  for (const name of keys) {
    const record = await provider.get(name);
    expect(record?.metadata, name).toEqual({ of: name });
    expect(peek(record!.value).unverified.wraps.map(({ kid }) => kid)).toEqual(kids);
    expect(await open(record!.value, key, contextOf(name))).toEqual(contentOf(name));
  }
}

/** Every value of a provider, to compare before and after. */
export async function snapshot(provider: StorageProvider): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>();
  for await (const { key } of provider.list()) all.set(key, await provider.get(key));
  return all;
}

/** A checkpoint in memory. */
export function checkpointOf(text: string | null = null): RotationCheckpoint & { text: string | null; saved: (string | null)[] } {
  return {
    text,
    saved: [],
    load() {
      return this.text;
    },
    save(next) {
      this.text = next;
      this.saved.push(next);
    },
  };
}

/** A log in memory. */
export function logOf(keys: AuditLog['keys'], text = ''): AuditLog & { text: string; lines(): string[] } {
  return {
    keys,
    text,
    last() {
      return this.lines().at(-1) ?? null;
    },
    append(lines) {
      this.text += lines;
    },
    lines() {
      return this.text.split('\n').slice(0, -1);
    },
  };
}

/** `provider` with some of its operations replaced. */
export function withFault(provider: StorageProvider, fault: Partial<StorageProvider>): StorageProvider {
  return { ...provider, ...fault };
}
