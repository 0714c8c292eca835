/** What a report says of the frames that a driver sees and cannot look into. */
import type { FrameSeen } from './page/frames.ts';
import type { ReportEntry } from './report.ts';
import { placeOf } from './storage-key.ts';

/** One entry for each place of the frames in a page of `origin`. `who` is the one that cannot. */
export function frameEntries(frames: readonly FrameSeen[], origin: string, who: string): ReportEntry[] {
  const counts = new Map<string, number>();
  for (const frame of frames) {
    const place = framePlace(frame, origin);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return [...counts].map(([place, count]) => {
    const reason = `${count === 1 ? 'a frame' : `${count} frames`} that ${who} does not look into: storage, sessionStorage and cookies that it keeps as part of this page are not read`;
    return { outcome: 'uncarried', kind: 'partitionedStorage', place, reason } as const;
  });
}

function framePlace({ origin, inside }: FrameSeen, top: string): string {
  if (inside !== undefined && origin === top) return placeOf({ origin, topLevelSite: null, hasCrossSiteAncestor: true });
  const where = inside === undefined ? '' : ` inside ${inside ?? 'a frame'}`;
  return `${origin ?? 'a frame whose origin script is not told'}${where} inside ${top}`;
}
