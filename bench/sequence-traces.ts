/**
 * What is typed in the bench of sequences: recorded editing sessions from ../shared/data/crdt (see its README: CC BY 4.0), where that folder is there, and
 * generated ones of writers who type, jump and delete at the same time.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { TextEdit } from './sequence-peers.ts';

/** A recorded session of one writer. */
export interface Trace {
  readonly name: string;
  readonly edits: readonly TextEdit[];
  readonly endContent: string;
}

// From dist/bench, where this runs.
const FOLDER = fileURLToPath(new URL('../../../shared/data/crdt/', import.meta.url));
const NAMES = ['automerge-paper', 'sveltecomponent', 'json-crdt-patch'] as const;

/** The recorded sessions; none where the folder is absent. */
export function readTraces(): Trace[] {
  return NAMES.flatMap((name) => {
    const path = `${FOLDER}${name}.json.gz`;
    if (!existsSync(path)) return [];
    const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
      txns: readonly { readonly patches: readonly TextEdit[] }[];
      endContent: string;
    };
    return [{ name, edits: txns.flatMap(({ patches }) => patches), endContent }];
  });
}

/** A text that concurrent writers begin with: 1,080 characters. */
export const BASE_TEXT: string = 'The session is the waist. '.repeat(50).slice(0, 1080);

/**
 * What one writer does to a text of `length` characters: 80 % insertions, 20 % deletions, of one character each, at a cursor that jumps every tenth time.
 * The same for the same seed.
 */
export function typeAtRandom(length: number, count: number, seed: number): TextEdit[] {
  const random = randomOf(seed);
  const edits: TextEdit[] = [];
  let now = length;
  let cursor = random(now + 1);
  for (let i = 0; i < count; i++) {
    if (random(10) === 0) cursor = random(now + 1);
    if (random(5) === 0 && cursor > 0) {
      cursor -= 1;
      edits.push([cursor, 1, '']);
      now -= 1;
    } else {
      edits.push([cursor, 0, String.fromCharCode(97 + random(26))]);
      cursor += 1;
      now += 1;
    }
  }
  return edits;
}

/** Integers below a bound, by xorshift. */
export function randomOf(seed: number): (bound: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}
