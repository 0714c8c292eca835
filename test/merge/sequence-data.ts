/**
 * Traces and generated cases of ../shared/data/crdt, which are read from there and not part of the repository (CC BY 4.0 where its README says so).
 * Where the folder is absent its tests are skipped, and say so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** Index, number of deleted units, inserted text. */
export type Patch = readonly [index: number, removed: number, inserted: string];

export interface SequentialTrace {
  readonly endContent: string;
  readonly txns: readonly { readonly patches: readonly Patch[] }[];
}

export interface ConcurrentTrace {
  readonly endContent: string;
  readonly numAgents: number;
  /** The state before each is that of all its ancestors. */
  readonly txns: readonly { readonly parents: readonly number[]; readonly agent: number; readonly patches: readonly Patch[] }[];
}

const folder = fileURLToPath(new URL('../../../shared/data/crdt/', import.meta.url));

/** Whether the data are here. */
export const HAS_DATA: boolean = existsSync(folder);

/** What a test of these data is called. */
export function titled(title: string): string {
  return HAS_DATA ? title : `${title} (skipped: ../shared/data/crdt is not here)`;
}

/** The content of `<name>.json.gz`, as the caller knows it to be. */
export function readData<Content>(name: string): Content {
  return JSON.parse(gunzipSync(readFileSync(`${folder}${name}.json.gz`)).toString()) as Content;
}
