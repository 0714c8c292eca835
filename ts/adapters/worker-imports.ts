/**
 * What the scripts of a classic worker import, as far as that can be read from their text. A browser lets go of a script whose functions nothing holds, and then does
 * not tell it while the worker runs: so what is read of a running worker is held against this.
 */
import type { WorkerScripts } from './worker-script.ts';

export interface ImportGaps {
  /** How many scripts are named in the text and not among those that were read. One in a comment counts too. */
  readonly missing: number;
  /** Some are named by what only running it would tell. */
  readonly isUncertain: boolean;
}

const CALLS = /\bimportScripts\s*\(([^)]*)\)/g;
const LITERALS = /^\s*(?:(?:'[^'\\]*'|"[^"\\]*")\s*,?\s*)*$/;

/** Looks for what is not there. `scriptUrl` is the address of the worker's own script, which all imports are relative to (HTML, section 10.3.1). */
export function findImportGaps(scripts: WorkerScripts, scriptUrl: string): ImportGaps {
  const missing = new Set<string>();
  let isUncertain = false;
  for (const text of scripts.values()) {
    for (const [, args = ''] of text.matchAll(CALLS)) {
      if (!LITERALS.test(args)) isUncertain = true;
      for (const [literal] of LITERALS.test(args) ? args.matchAll(/'[^']*'|"[^"]*"/g) : []) {
        const address = literal.slice(1, -1);
        const url = URL.canParse(address, scriptUrl) ? new URL(address, scriptUrl).href : null;
        if (url !== null && !scripts.has(url)) missing.add(url);
      }
    }
  }
  return { missing: missing.size, isUncertain };
}
