/**
 * Making the runs of all replicas anew from the live blocks, when many have come together or a state was joined: runs without a live unit go. The
 * dot of a base's id keeps one as long as the base is there, because updates name bases by it.
 */
import { BASE_NOTE, COUNTER, NEXT_BASE, REPLICA } from './base';
import { BLOCK_BASE, BLOCK_COUNTER, BLOCK_LENGTH, BLOCK_OFFSET, BLOCK_SIZE, BLOCKS, blockAt, COUNT } from './leaf';
import { FIRST_BASE } from './record';
import {
  LEAST_RUN_LIMIT,
  noteRun,
  RUN_BASE,
  RUN_COUNTER,
  RUN_LENGTH,
  RUN_LIMIT,
  RUN_OFFSET,
  RUN_SIZE,
  RUNS,
  replicaAt,
  replicaCount,
} from './replica';
import { sortRecords } from './sort';
import { firstLeaf, NEXT_LEAF } from './tree';
import { addToVector, setVectorLength, vectorAt, vectorLength } from './vector';

/** Whether so many runs of a replica have come together that dead ones should be looked for. */
export function hasManyRuns(replica: usize): bool {
  return vectorLength(replica + RUNS) / RUN_SIZE >= load<u32>(replica, RUN_LIMIT);
}

/** Makes all runs anew. */
export function rebuildRuns(sequence: usize): void {
  const replicas = replicaCount(sequence);
  for (let index: u32 = 0; index < replicas; index++) setVectorLength(replicaAt(sequence, index) + RUNS, 0);
  for (let leaf = firstLeaf(sequence); leaf !== 0; leaf = load<usize>(leaf, NEXT_LEAF)) {
    const end = blockAt(leaf, load<u32>(leaf, COUNT));
    for (let block = leaf + BLOCKS; block < end; block += BLOCK_SIZE) {
      const base = load<usize>(block, BLOCK_BASE);
      const offset = load<i32>(block, BLOCK_OFFSET);
      const length = load<u32>(block, BLOCK_LENGTH);
      if (offset <= 0 && offset + i32(length) > 0) store<u32>(base, 1, BASE_NOTE);
      addRun(load<usize>(base, REPLICA), load<u32>(block, BLOCK_COUNTER), length, base, offset);
    }
  }
  for (let base = load<usize>(sequence, FIRST_BASE); base !== 0; base = load<usize>(base, NEXT_BASE)) {
    if (load<u32>(base, BASE_NOTE) !== 0) store<u32>(base, 0, BASE_NOTE);
    else addRun(load<usize>(base, REPLICA), load<u32>(base, COUNTER), 1, base, 0);
  }
  let total: u32 = 0;
  for (let index: u32 = 0; index < replicas; index++) total += joinRuns(replicaAt(sequence, index));
  // As many again as there are in all, so that making them anew costs a constant for each.
  for (let index: u32 = 0; index < replicas; index++) {
    const replica = replicaAt(sequence, index);
    store<u32>(replica, max(LEAST_RUN_LIMIT, vectorLength(replica + RUNS) / RUN_SIZE + total), RUN_LIMIT);
  }
}

function addRun(replica: usize, counter: u32, length: u32, base: usize, offset: i32): void {
  const run = addToVector(replica + RUNS, RUN_SIZE);
  store<u32>(run, counter, RUN_COUNTER);
  store<u32>(run, length, RUN_LENGTH);
  store<usize>(run, base, RUN_BASE);
  store<i32>(run, offset, RUN_OFFSET);
}

/** Puts the runs of a replica in order, joins those that can be, and gives how many are left. */
function joinRuns(replica: usize): u32 {
  const bytes = vectorLength(replica + RUNS);
  const first = vectorAt(replica + RUNS);
  sortRecords(first, bytes / RUN_SIZE);
  // What is noted never passes what is read.
  setVectorLength(replica + RUNS, 0);
  for (let run = first; run < first + bytes; run += RUN_SIZE) {
    const base = load<usize>(run, RUN_BASE);
    noteRun(replica, load<u32>(run, RUN_COUNTER), base, load<i32>(run, RUN_OFFSET), load<u32>(run, RUN_LENGTH));
  }
  return vectorLength(replica + RUNS) / RUN_SIZE;
}
