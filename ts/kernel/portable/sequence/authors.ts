/** The replicas that a sequence knows, by their full and their short names. They are few, so those who share a short name are a list. */
import type { Replica } from '../../kernel.ts';
import { shortOf } from './bytes.ts';
import { type Author, compareReplicas } from './records.ts';

/** All replicas known: those with a counter of at least 1, and the own one. */
export class Authors {
  readonly all: Author[] = [];
  /** True once two of them have one short name. */
  haveClash = false;
  private readonly byShort = new Map<number, Author[]>();

  find(replica: Replica): Author | null {
    const sharing = this.byShort.get(shortOf(replica));
    return sharing?.find((author) => author.low === replica.low && author.high === replica.high) ?? null;
  }

  /** Those with one short name: none, one, or too many to know which is meant. */
  withShort(short: number): readonly Author[] {
    return this.byShort.get(short) ?? [];
  }

  add(author: Author): void {
    const sharing = this.byShort.get(shortOf(author));
    if (sharing === undefined) this.byShort.set(shortOf(author), [author]);
    else sharing.push(author);
    this.haveClash ||= sharing !== undefined;
    this.all.push(author);
  }

  /** Those with at least one counter, in order: what a version names. */
  inOrder(): Author[] {
    return this.all.filter((author) => author.counter > 0).sort(compareReplicas);
  }
}
