/**
 * The scripts of a service worker as one section of a session: its own text where it is alone, else a list with the scripts that it imports. Text is what the
 * browser decoded it to; a restore gives it as UTF-8.
 */
import { PspError } from '../errors.ts';
import { type Section, section } from '../session/session.ts';

/** Media type of a section with the text of one script, in UTF-8. */
const SCRIPT_MEDIA_TYPE = 'text/javascript;charset=utf-8';

/** Media type of a section with several: a JSON array of `[url, text]`, the worker's own first, in UTF-8. */
const SCRIPTS_MEDIA_TYPE = 'application/vnd.psp.scripts+json';

/** Text of scripts by address, the worker's own first. */
export type WorkerScripts = ReadonlyMap<string, string>;

/** The section that {@link readScripts} reads. */
export function writeScripts(scripts: WorkerScripts): Section {
  const [own] = scripts.values();
  const bytes = new TextEncoder().encode(scripts.size === 1 ? own : JSON.stringify([...scripts]));
  return section(bytes, scripts.size === 1 ? SCRIPT_MEDIA_TYPE : SCRIPTS_MEDIA_TYPE);
}

/**
 * The scripts of a section. `scriptUrl` is the address of the worker's own.
 *
 * @throws PspError `SESSION_INVALID` for a list that is none, or one without the worker's own script.
 */
export async function readScripts({ mediaType, bytes }: Section, scriptUrl: string): Promise<WorkerScripts> {
  const text = new TextDecoder().decode(await bytes());
  if (mediaType !== SCRIPTS_MEDIA_TYPE) return new Map([[scriptUrl, text]]);
  const scripts = parseList(text);
  if (!scripts?.has(scriptUrl)) throw new PspError('SESSION_INVALID', 'the scripts of a service worker are no list with its own script');
  return scripts;
}

function parseList(text: string): WorkerScripts | null {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return null;
  }
  const isPair = (item: unknown): item is [string, string] =>
    Array.isArray(item) && item.length === 2 && item.every((part) => typeof part === 'string');
  return Array.isArray(list) && list.every(isPair) ? new Map(list) : null;
}
