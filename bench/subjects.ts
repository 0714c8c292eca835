/** Finds subjects: files `<name>.bench.ts` beside this one (`.bench.js` when built). And the words of a command line that choose one. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SubjectModule } from './harness.ts';

/** The folder of the subjects' files. */
export const SUBJECTS_FOLDER: string = dirname(fileURLToPath(import.meta.url));

/** What a command line asks for. */
export interface BenchRequest {
  readonly name: string;
  readonly quick: boolean;
}

/** Names of all subjects, sorted. */
export function listSubjects(folder: string = SUBJECTS_FOLDER): string[] {
  return readdirSync(folder)
    .flatMap((file) => subjectOf(file) ?? [])
    .sort();
}

/** `<subject> [--quick]`, or null when the words are anything else or name no subject. */
export function readRequest(words: readonly string[], subjects: readonly string[]): BenchRequest | null {
  const names = words.filter((word) => !word.startsWith('--'));
  const flags = words.filter((word) => word.startsWith('--'));
  const [name] = names;
  if (name === undefined || names.length > 1 || !subjects.includes(name) || flags.some((flag) => flag !== '--quick')) return null;
  return { name, quick: flags.length > 0 };
}

/** How to call a program that takes a subject. */
export function usageOf(command: string, subjects: readonly string[]): string {
  return (
    `usage: ${command} <${subjects.join(' | ')}> [--quick]\n` +
    '--quick ends within 30 seconds, leaves out what is too slow for that, prints what it found and writes nothing'
  );
}

/** The path of a subject's file. */
export function fileOf(name: string, folder: string = SUBJECTS_FOLDER): string {
  const file = readdirSync(folder).find((entry) => subjectOf(entry) === name);
  if (file === undefined) throw new Error(`bench: there is no subject ${name}`);
  return `${folder}/${file}`;
}

/** Loads a subject's file. */
export async function loadSubject(name: string): Promise<SubjectModule> {
  return import(pathToFileURL(fileOf(name)).href);
}

/** Why a subject does not run in a runtime of this name, as a message; null where it does. */
export function refusalOf(name: string, { needsNode }: SubjectModule, runtime: string): string | null {
  return needsNode === undefined || runtime === 'Node' ? null : `bench ${name} runs in Node only, not in ${runtime}: ${needsNode}`;
}

/** `base64` for `base64.bench.js` (and for `base64.bench.ts`, where the runtime runs TypeScript). */
function subjectOf(file: string): string | undefined {
  return /^([\w-]+)\.bench\.[jt]s$/.exec(file)?.[1];
}
