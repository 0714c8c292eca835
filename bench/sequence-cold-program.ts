/**
 * One piece of work with sequences, done first of all by a fresh process, for the bench `sequence`. Prints the milliseconds of processor time, without the
 * loading of the package, and the resulting text:
 *
 *     node dist/bench/sequence-cold-program.js merge <package> <file>      what `writeTogether` gave, serialized by node:v8
 *     node dist/bench/sequence-cold-program.js trace <package> <name>      a recorded trace in batches
 */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { oursWith } from './sequence-ours.ts';
import { loadPeers, type Peer, type PeerText } from './sequence-peers.ts';
import { readTraces } from './sequence-traces.ts';

const [task, name = '', what = ''] = process.argv.slice(2);
const peer: Peer | undefined = name === 'wasm' || name === 'portable' ? oursWith(name) : loadPeers().find((one) => one.name === name);
if (peer === undefined || (task !== 'merge' && task !== 'trace'))
  throw new Error('usage: sequence-cold-program.js <merge | trace> <package> <file | name>');

const work = task === 'merge' ? merging(peer, what) : typing(peer, what);
const start = process.cpuUsage();
const text = work().text();
const { user, system } = process.cpuUsage(start);
process.stdout.write(JSON.stringify({ ms: (user + system) / 1000, text }));

function merging(from: Peer, file: string): () => PeerText {
  const { document, updates } = deserialize(readFileSync(file)) as { document: Uint8Array; updates: readonly unknown[] };
  return () => {
    const merged = from.load(document, updates.length + 2);
    for (const update of updates) merged.apply(update);
    return merged;
  };
}

function typing(from: Peer, trace: string): () => PeerText {
  const { edits } = readTraces().find((one) => one.name === trace)!;
  return () => {
    const typed = from.create(1);
    for (let at = 0; at < edits.length; at += 4096) typed.editAll(edits.slice(at, at + 4096));
    return typed;
  };
}
