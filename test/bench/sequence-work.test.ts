/** What the bench of sequences does, at sizes that take no time: every package ends with the same text, and the figures of sizes are right. */
import { describe, expect, it } from 'vitest';
import { oursWith } from '../../bench/sequence-ours.ts';
import { loadPeers } from '../../bench/sequence-peers.ts';
import { SequenceSizes } from '../../bench/sequence-sizes.ts';
import { BASE_TEXT, typeAtRandom } from '../../bench/sequence-traces.ts';
import { contestantOf, cut, mergeContestant, sameCharacters } from '../../bench/sequence-work.ts';

const EDITS = typeAtRandom(0, 60, 3);
const peers = [oursWith('wasm'), oursWith('portable'), ...loadPeers()];

describe.each(peers)('$name', (peer) => {
  it('types, sends, opens and merges the same as ours', async () => {
    const model = peers[0]!.create(1);
    for (const edit of EDITS) model.edit(edit);
    const typed = peer.create(1);
    typed.watch();
    typed.editAll(EDITS);
    expect(typed.text()).toBe(model.text());
    const received = peer.create(2);
    received.apply(typed.takeUpdate());
    expect(received.text()).toBe(model.text());
    expect(peer.load(typed.encode(), 3).text()).toBe(model.text());

    const [merged, ours] = [peer, peers[0]!].map((one) => mergeContestant(one, 3, 20).run());
    expect(sameCharacters(merged, ours)).toBe(true);
    expect(sameCharacters(merged, BASE_TEXT)).toBe(false);
    expect(await mergeContestant(peer, 3, 20).sample!()).toBeGreaterThanOrEqual(0);
  });
});

it('the time is that between start and stop', async () => {
  const burnFor = (ms: number): void => {
    const start = process.cpuUsage();
    for (;;) {
      const { user, system } = process.cpuUsage(start);
      if (user + system >= ms * 1000) return;
    }
  };
  const [, portable] = peers;
  const inside = contestantOf(portable!, (start, stop) => {
    burnFor(200);
    start();
    burnFor(2);
    stop();
    burnFor(200);
    return portable!.create(1);
  });
  const whole = contestantOf(portable!, () => {
    burnFor(200);
    return portable!.create(1);
  });
  const [part, all] = [await inside.sample!(), await whole.sample!()];
  // What is burnt outside is not counted; what is inside, and all of it where nobody says from when to when, is.
  expect(part).toBeGreaterThanOrEqual(2);
  expect(part).toBeLessThan(all);
  expect(all).toBeGreaterThanOrEqual(200);
});

it('sizes are told beside those of yjs, and a character', () => {
  const trace = { name: 'short', edits: [[0, 0, 'a']] as const, endContent: 'abcdefghij' };
  const sizes = new SequenceSizes();
  const [wasm, , yjs] = peers;
  expect(sizes.hasDocument(trace, wasm!)).toBe(false);
  sizes.noteDocument(trace, wasm!, new Uint8Array(12));
  sizes.noteDocument(trace, yjs!, new Uint8Array(1200));
  sizes.noteUpdates(trace, yjs!, [new Uint8Array(4), new Uint8Array(2)]);
  expect(sizes.hasDocument(trace, wasm!)).toBe(true);
  const [table] = sizes.tables();
  expect(table!.lines).toEqual([
    ['wasm', '12', '0.01', '0.20', '', '', ''],
    ['yjs*', '1,200', '1.00', '119.00', '6', '1.00', '6.00'],
  ]);
  expect(table!.header).toHaveLength(7);
});

it('a list is cut into pieces', () => {
  expect(cut([1, 2, 3], 2)).toEqual([[1, 2], [3]]);
});
