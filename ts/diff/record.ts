/** The records of one object store in two sessions: by the bytes of their keys, as they stand in two sections. Nothing is decoded. */
import { PspError } from '../errors.ts';
import { sameBytes } from '../session/bytes.ts';
import { type EncodedRecord, RECORDS_MEDIA_TYPE, readRecords, VALUE_MEDIA_TYPE } from '../session/clone/records.ts';
import { type Section, section } from '../session/session.ts';
import { align } from './align.ts';
import type { Difference, MemberChange, RecordContent } from './difference.ts';
import type { Label } from './kind.ts';
import { describeValue, isSection } from './value.ts';

/** One side: the section, null where there is none, and the pointer to it. */
export interface RecordSide {
  readonly records: unknown;
  readonly pointer: string;
}

/**
 * The records that differ, in their order. Nothing where a section is not one of records, or its lengths do not add up: then it differs as a whole, which
 * the store says. Rejects as `bytes()` does.
 */
export async function diffRecords(a: RecordSide, b: RecordSide, parent: Label, reveal: boolean): Promise<Difference[]> {
  const listA = await readAll(a.records);
  const listB = await readAll(b.records);
  if (listA === null || listB === null) return [];
  const start = commonStart(listA, listB);
  const end = commonEnd(listA, listB, start);
  const middleA = listA.slice(start, listA.length - end);
  const middleB = listB.slice(start, listB.length - end);
  const found = align(middleA.map(keyText), middleB.map(keyText), false);
  const label = { kind: 'record', place: `${parent.place} ${parent.name}`, name: '' } as const;
  const identified = (text: string): object => (reveal ? { identity: text } : {});
  const differences: Difference[] = [];
  middleA.forEach((record, i) => {
    if (found.inB[i] !== -1) return;
    const from = `${a.pointer}/${start + i}`;
    const before = describeValue(contentOf(record), reveal);
    differences.push({ change: 'removed', ...label, ...identified(keyText(record)), from, before, size: record.value.length });
  });
  middleB.forEach((record, i) => {
    const to = `${b.pointer}/${start + i}`;
    const index = found.inA[i] as number;
    const old = middleA[index];
    if (old === undefined) {
      const after = describeValue(contentOf(record), reveal);
      differences.push({ change: 'added', ...label, ...identified(keyText(record)), to, after, size: record.value.length });
      return;
    }
    const place = { ...label, ...identified(keyText(record)), from: `${a.pointer}/${start + index}`, to };
    if (found.moved[i] === 1) differences.push({ change: 'moved', ...place });
    if (!sameBytes(old.value, record.value)) differences.push({ change: 'changed', ...place, members: [valueChange(old, record, reveal)] });
  });
  return differences;
}

/** Null for what is no list of records; an absent section has none in it. */
async function readAll(records: unknown): Promise<EncodedRecord[] | null> {
  if (records === undefined) return [];
  if (!isSection(records) || records.mediaType !== RECORDS_MEDIA_TYPE) return null;
  const bytes = await records.bytes();
  try {
    return [...readRecords(bytes)];
  } catch (error) {
    if (error instanceof PspError && error.code === 'SESSION_CLONE_MALFORMED') return null;
    throw error;
  }
}

function commonStart(a: readonly EncodedRecord[], b: readonly EncodedRecord[]): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && sameRecord(a[count], b[count])) count++;
  return count;
}

function commonEnd(a: readonly EncodedRecord[], b: readonly EncodedRecord[], start: number): number {
  const most = Math.min(a.length, b.length) - start;
  let count = 0;
  while (count < most && sameRecord(a[a.length - 1 - count], b[b.length - 1 - count])) count++;
  return count;
}

function sameRecord(a: EncodedRecord | undefined, b: EncodedRecord | undefined): boolean {
  return a !== undefined && b !== undefined && sameBytes(a.whole, b.whole);
}

/** The bytes of a key as text, one character a byte. */
function keyText({ key }: EncodedRecord): string {
  let text = '';
  for (let i = 0; i < key.length; i++) text += String.fromCharCode(key[i] as number);
  return text;
}

function contentOf(record: EncodedRecord): RecordContent {
  return { key: viewSection(record.key), value: viewSection(record.value) };
}

function valueChange(a: EncodedRecord, b: EncodedRecord, reveal: boolean): MemberChange {
  return { member: 'value', before: describeValue(viewSection(a.value), reveal), after: describeValue(viewSection(b.value), reveal) };
}

function viewSection(bytes: Uint8Array): Section {
  return section(bytes as Uint8Array<ArrayBuffer>, VALUE_MEDIA_TYPE);
}
