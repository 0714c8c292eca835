/** How many bytes each package makes of the recorded sessions: figures beside the times of the bench `sequence`. */
import type { FigureTable } from './harness.ts';
import type { Peer } from './sequence-peers.ts';
import type { Trace } from './sequence-traces.ts';
import { isOurs } from './sequence-work.ts';

/** What the others are held against: the most used one. */
const MEASURE = 'yjs';

interface Sizes {
  document: number | null;
  updates: number | null;
}

/** Collects sizes while cases run. */
export class SequenceSizes {
  private readonly byTrace = new Map<Trace, Map<string, Sizes>>();

  hasDocument(trace: Trace, peer: Peer): boolean {
    return this.of(trace, peer).document !== null;
  }

  noteDocument(trace: Trace, peer: Peer, document: Uint8Array): void {
    this.of(trace, peer).document = document.length;
  }

  noteUpdates(trace: Trace, peer: Peer, updates: readonly Uint8Array[]): void {
    this.of(trace, peer).updates = updates.reduce((sum, { length }) => sum + length, 0);
  }

  /** A table of each trace that ran; empty cells were not measured. */
  tables(): FigureTable[] {
    return [...this.byTrace].map(([{ name, edits, endContent }, sizes]) => {
      const characters = endContent.length;
      const textBytes = new TextEncoder().encode(endContent).length;
      const measure = sizes.get(MEASURE);
      return {
        title:
          `Bytes of \`${name}\`, ${edits.length.toLocaleString('en')} edits that leave ${characters.toLocaleString('en')} characters; each package in its most compact format ` +
          '(some keep what was deleted, some compress the text)',
        names: 1,
        header: [
          'package',
          'document',
          `of ${MEASURE}`,
          'beyond the text, a character',
          'updates, one an edit',
          `of ${MEASURE}`,
          'an update',
        ],
        lines: [...sizes].map(([contestant, { document, updates }]) => [
          isOurs(contestant) ? contestant : `${contestant}*`,
          ...[count(document), share(document, measure?.document), perUnit(document === null ? null : document - textBytes, characters)],
          ...[count(updates), share(updates, measure?.updates), perUnit(updates, edits.length)],
        ]),
      };
    });
  }

  private of(trace: Trace, { name }: Peer): Sizes {
    const sizes = this.byTrace.get(trace) ?? new Map<string, Sizes>();
    this.byTrace.set(trace, sizes);
    const known = sizes.get(name) ?? { document: null, updates: null };
    sizes.set(name, known);
    return known;
  }
}

function count(bytes: number | null): string {
  return bytes === null ? '' : bytes.toLocaleString('en');
}

function share(bytes: number | null, of: number | null | undefined): string {
  return bytes === null || of === null || of === undefined ? '' : (bytes / of).toFixed(2);
}

function perUnit(bytes: number | null, units: number): string {
  return bytes === null ? '' : (bytes / units).toFixed(2);
}
