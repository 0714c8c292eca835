/** The same work in documents of growing length, and with growing numbers of writers: series of the bench `sequence`. */
import type { BenchCase } from './harness.ts';
import type { Peer, PeerText, TextEdit } from './sequence-peers.ts';
import { typeAtRandom } from './sequence-traces.ts';
import { BATCH, contestantOf, cut, mergeContestant, sameCharacters } from './sequence-work.ts';

/** About so many characters. */
const SIZES = [1000, 10_000, 100_000, 1_000_000];
/** The largest document takes some packages most of a minute to type. */
const SLOW_SIZE = 1_000_000;
const REPLICAS = [2, 4, 8, 16, 32, 64];
/** Edits in a document, and of each writer. */
const EDITS = 1000;

const FIRST_EDIT: TextEdit = [0, 0, 'x'];

/** Packages with a line in the picture, and the largest document that each types in tolerable time. */
const SCALED: ReadonlyMap<string, number> = new Map([
  ['yjs', 100_000],
  ['loro-crdt', 100_000],
  ['json-joy', 100_000],
  ['diamond-types-node', 1_000_000],
]);

/** All series. */
export function scaleCases(ours: readonly Peer[], peers: readonly Peer[]): BenchCase[] {
  const scaled = [...ours, ...peers.filter(({ name }) => SCALED.has(name))];
  const ableTo = (size: number): Peer[] => scaled.filter(({ name }) => size <= (SCALED.get(name) ?? size));
  const documents = new Map<string, Uint8Array>();
  return [
    ...SIZES.map((size) => editCase(size, ableTo(size), documents)),
    ...SIZES.map((size) => openCase(size, ableTo(size), documents)),
    ...REPLICAS.map((replicas) => replicaCase(replicas, scaled)),
  ];
}

function editCase(size: number, peers: readonly Peer[], documents: Map<string, Uint8Array>): BenchCase {
  const series = `${EDITS.toLocaleString('en')} edits and their update`;
  const contestants = peers.map((peer) =>
    contestantOf(
      peer,
      (start, stop) => {
        const text = peer.load(typedDocument(peer, size, documents), 2);
        // What the first edit costs beyond others belongs to opening.
        text.edit(FIRST_EDIT);
        const edits = typeAtRandom(text.text().length, EDITS, 11);
        text.watch();
        start();
        text.editAll(edits);
        text.takeUpdate();
        stop();
        return text;
      },
      size === SLOW_SIZE,
    ),
  );
  return {
    name: `${series} in a document of ${size.toLocaleString('en')} characters`,
    scale: { series, unit: 'characters', amount: size },
    inputBytes: null,
    agree: Object.is,
    contestants,
  };
}

function openCase(size: number, peers: readonly Peer[], documents: Map<string, Uint8Array>): BenchCase {
  const contestants = peers.map((peer) =>
    contestantOf(
      peer,
      (start) => {
        const document = typedDocument(peer, size, documents);
        start();
        const text = peer.load(document, 2);
        text.edit(FIRST_EDIT);
        return text;
      },
      size === SLOW_SIZE,
    ),
  );
  return {
    name: `open, edit once and read a document of ${size.toLocaleString('en')} characters`,
    scale: { series: 'open, edit once and read', unit: 'characters', amount: size },
    inputBytes: null,
    agree: Object.is,
    contestants,
  };
}

function replicaCase(replicas: number, peers: readonly Peer[]): BenchCase {
  const series = `merge of writers with ${EDITS.toLocaleString('en')} edits each`;
  return {
    name: `${series}, ${replicas} of them`,
    scale: { series, unit: 'writers', amount: replicas },
    inputBytes: null,
    agree: sameCharacters,
    contestants: peers.map((peer) => mergeContestant(peer, replicas, EDITS)),
  };
}

/** A document of about this length that was typed, with jumps and deletions, by one writer; typed once for each package. */
function typedDocument(peer: Peer, size: number, documents: Map<string, Uint8Array>): Uint8Array {
  const key = `${peer.name} ${size}`;
  const known = documents.get(key);
  if (known !== undefined) return known;
  const text: PeerText = peer.create(1);
  // Three of five edits are left: four insertions for each deletion.
  for (const batch of cut(typeAtRandom(0, Math.ceil(size / 0.6), 7), BATCH)) text.editAll(batch);
  const document = text.encode();
  text.free?.();
  documents.set(key, document);
  return document;
}
