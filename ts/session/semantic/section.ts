/**
 * The table of sections and the references to it: each reference has a section, ids are unique, ranges do not overlap. Then, for who can read them,
 * the content against the table.
 */

import type { HeaderShape, SectionReferenceShape, SectionShape, StateShape } from '../generated/document.ts';
import type { IssueList } from '../issue.ts';
import { TEXT_MEDIA_TYPE } from '../session.ts';
import { checkUnique } from './unique.ts';

/** The table in the header and every reference of the state. */
export function checkSections({ sections }: HeaderShape, state: StateShape, issues: IssueList): void {
  const byId = new Map(sections.map((entry) => [entry.id, entry]));
  const used = new Set<string>();
  for (const { pointer, reference, text } of references(state)) {
    if (issues.full) return;
    const entry = byId.get(reference.$section);
    used.add(reference.$section);
    if (entry === undefined) issues.semantic('error', 'section-missing', pointer, 'there is no section with this id');
    else if (text && entry.mediaType !== TEXT_MEDIA_TYPE)
      issues.semantic('warning', 'section-media-type', pointer, 'the section of a value of web storage is not of the media type of text');
    else if (text && entry.rawLength % 2 !== 0)
      issues.semantic('error', 'section-length', pointer, 'a section of UTF-16 text has an even number of bytes');
  }
  checkUnique(
    sections,
    ({ id }) => id,
    (i) => `/sections/${i}/id`,
    'section id',
    issues,
  );
  sections.forEach((entry, i) => {
    if (!used.has(entry.id)) issues.semantic('notice', 'section-unused', `/sections/${i}`, 'nothing that this version knows refers to it');
    if (entry.where === 'external')
      issues.semantic('error', 'section-external', `/sections/${i}/where`, 'version 2.0 has inline sections only');
    checkLength(entry, i, issues);
  });
  checkRanges(sections, issues);
}

/** Without a codec, what stands in the framing is the bytes, or their Base64. */
function checkLength({ length, rawLength, codec }: SectionShape, i: number, issues: IssueList): void {
  if (codec === undefined && length !== rawLength && length !== 4 * Math.ceil(rawLength / 3))
    issues.semantic(
      'error',
      'section-length',
      `/sections/${i}/length`,
      'does not fit rawLength: neither the bytes nor their Base64 are that long',
    );
}

function checkRanges(sections: readonly SectionShape[], issues: IssueList): void {
  const byOffset = sections.map((entry, i) => ({ entry, i })).sort((a, b) => a.entry.offset - b.entry.offset || a.i - b.i);
  let end = 0;
  for (const { entry, i } of byOffset) {
    if (entry.offset < end && entry.length > 0)
      issues.semantic('error', 'section-overlap', `/sections/${i}/offset`, 'lies inside another section');
    end = Math.max(end, entry.offset + entry.length);
  }
}

/** A reference of the state; `text` for one that stands for a string of web storage. */
export interface FoundReference {
  readonly pointer: string;
  readonly reference: SectionReferenceShape;
  readonly text: boolean;
}

/** Every reference that the schema knows. */
export function* references(state: StateShape): IterableIterator<FoundReference> {
  for (const [i, storage] of state.storage.entries()) {
    const at = `/storage/${i}`;
    yield* itemReferences(storage.localStorage, `${at}/localStorage`);
    for (const [d, { stores }] of storage.indexedDB.entries()) {
      for (const [s, { records }] of stores.entries()) yield* one(records, `${at}/indexedDB/${d}/stores/${s}/records`);
    }
    for (const [c, { entries }] of (storage.caches ?? []).entries()) {
      for (const [e, { body }] of entries.entries()) yield* one(body, `${at}/caches/${c}/entries/${e}/body`);
    }
    for (const [w, { script }] of (storage.serviceWorkers ?? []).entries()) yield* one(script, `${at}/serviceWorkers/${w}/script`);
    for (const [f, { body }] of (storage.files ?? []).entries()) yield* one(body, `${at}/files/${f}/body`);
  }
  for (const [t, { history, sessionStorage }] of state.tabs.entries()) {
    for (const [e, entry] of (history?.entries ?? []).entries()) yield* one(entry.state, `/tabs/${t}/history/entries/${e}/state`);
    for (const [s, { items }] of sessionStorage.entries()) yield* itemReferences(items, `/tabs/${t}/sessionStorage/${s}/items`);
  }
  for (const [c, { privateKey }] of (state.credentials ?? []).entries()) yield* one(privateKey, `/credentials/${c}/privateKey`);
  yield* one(state.mergeState, '/mergeState');
}

function* itemReferences(
  items: readonly (readonly [string, string | SectionReferenceShape])[],
  at: string,
): IterableIterator<FoundReference> {
  for (let i = 0; i < items.length; i++) {
    const value = (items[i] as (typeof items)[number])[1];
    if (typeof value !== 'string') yield { pointer: `${at}/${i}/1`, reference: value, text: true };
  }
}

function* one(reference: SectionReferenceShape | undefined, pointer: string): IterableIterator<FoundReference> {
  if (reference !== undefined) yield { pointer, reference, text: false };
}

/** The content of section `i` against its entry. `sha256Hex` gives the 64 digits of SHA-256. */
export function checkContent(
  entry: Pick<SectionShape, 'rawLength' | 'sha256'>,
  i: number,
  bytes: Uint8Array,
  sha256Hex: (bytes: Uint8Array) => string,
  issues: IssueList,
): void {
  if (bytes.length !== entry.rawLength)
    issues.semantic('error', 'section-length', `/sections/${i}/rawLength`, `the section has ${bytes.length} bytes`);
  if (sha256Hex(bytes) !== entry.sha256)
    issues.semantic('error', 'section-hash', `/sections/${i}/sha256`, 'is not the hash of the section');
}
