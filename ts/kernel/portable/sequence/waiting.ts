/**
 * Updates that came before what they need. There is a queue for each author, by first counter, as updates of one author apply in that order: so
 * the head alone has to be tried again. Authors are told apart by the name that the update gives them, which may be all that is known of them.
 */
import { MAX_WAITING_BYTES, WAITING_OVERHEAD } from '../../sequence-fault.ts';
import type { Name, Update } from './update-read.ts';

export interface WaitingUpdate {
  readonly bytes: Uint8Array;
  readonly firstHandle: number;
  readonly first: number;
  readonly last: number;
  /** Which came before which. */
  readonly arrival: number;
}

/** A binary heap of updates, by first counter, then arrival: many may come in any order. */
export class Queue {
  readonly author: Name;
  private readonly heap: WaitingUpdate[] = [];
  private readonly counters = new Set<string>();

  constructor(author: Name) {
    this.author = author;
  }

  get head(): WaitingUpdate | undefined {
    return this.heap[0];
  }

  /** Whether one with the same counters waits. */
  has({ first, last }: { first: number; last: number }): boolean {
    return this.counters.has(`${first},${last}`);
  }

  push(update: WaitingUpdate): void {
    const { heap } = this;
    this.counters.add(`${update.first},${update.last}`);
    let at = heap.length;
    while (at > 0 && isBefore(update, heap[(at - 1) >> 1]!)) {
      heap[at] = heap[(at - 1) >> 1]!;
      at = (at - 1) >> 1;
    }
    heap[at] = update;
  }

  /** Takes the head out of a queue that has one. */
  shift(): WaitingUpdate {
    const { heap } = this;
    const head = heap[0]!;
    const last = heap.pop()!;
    this.counters.delete(`${head.first},${head.last}`);
    if (heap.length === 0) return head;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return head;
  }
}

export class Waiting {
  /** In the order in which they came to be; none is empty. */
  readonly queues: Map<string, Queue> = new Map();
  count = 0;
  private size = 0;
  private arrivals = 0;

  /** Keeps a copy of an update; false where there is no room. One with the same author and counters is kept once. */
  add({ author, first, last }: Update, bytes: Uint8Array, firstHandle: number): boolean {
    const key = typeof author === 'number' ? `${author}` : `${author.high},${author.low}`;
    const queue = this.queues.get(key) ?? new Queue(author);
    if (queue.has({ first, last })) return true;
    const size = this.size + bytes.length + WAITING_OVERHEAD;
    if (size > MAX_WAITING_BYTES) return false;
    this.size = size;
    this.count++;
    queue.push({ bytes: bytes.slice(), firstHandle, first, last, arrival: this.arrivals++ });
    this.queues.set(key, queue);
    return true;
  }

  /** Takes the head of a queue out. */
  drop(key: string, queue: Queue): void {
    const head = queue.shift();
    this.size -= head.bytes.length + WAITING_OVERHEAD;
    this.count--;
    if (queue.head === undefined) this.queues.delete(key);
  }
}

function isBefore(a: WaitingUpdate, b: WaitingUpdate): boolean {
  return a.first < b.first || (a.first === b.first && a.arrival < b.arrival);
}
