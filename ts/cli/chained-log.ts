/**
 * What the files of audit logs and of merge logs have in common: lines of text, each chained to the one before by a MAC, of which the last one (the head) is all that
 * shows whether lines are missing at the end.
 */
import { usage } from './failure.ts';

/** The lines of a log, without line feeds; the last one may be cut. Strictly: what a lenient decoder makes the same would be a change that no MAC shows. */
export function logLinesOf(bytes: Uint8Array, malformed: (cause: unknown) => Error): string[] {
  const lines = decodeStrictly(bytes, malformed).split('\n');
  // Every whole line ends with a line feed, so the last piece is empty, unless a crash has cut a line.
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The head of `--head`, if given; `verb` is the command that shows one. */
export function parseHead(head: string | undefined, verb: string): { readonly head?: string } {
  if (head === undefined) return {};
  if (!/^[0-9a-f]{64}$/.test(head)) throw usage(`--head takes the 64 digits that ${verb} showed`);
  return { head };
}

/** The head of a log that was verified, and what it is for. */
export function showHead(head: string | null): string {
  return `head ${head ?? '(none)'}: keep it elsewhere, to find lines that are missing at the end\n`;
}

function decodeStrictly(bytes: Uint8Array, malformed: (cause: unknown) => Error): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(cause);
  }
}
