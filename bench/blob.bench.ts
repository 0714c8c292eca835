/**
 * The blob against the form that one would think of first, one JSON text with Base64 in it: decoding, encoding, peeking, the schema stage,
 * and the threshold from which text is worth a section.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFrame, readStored } from '../ts/blob/decode.ts';
import { convertBlob, decodeSession, encodeSession, peekBlob, useKernel } from '../ts/index.ts';
import { sectionsOf } from '../ts/session/document.ts';
import { type Session, textOf } from '../ts/session/session.ts';
import { assertState } from '../ts/session/validate.ts';
import { generateSession, SIZES, type SizeName, toNaiveJson } from './generated-session.ts';
import { type BenchCase, type Subject, sameBytes } from './harness.ts';

const BASELINE = 'one JSON text';

/** For the runner: see `SubjectModule`. */
export const needsNode = 'it measures the memory of processes of its own, and its naive form is written with Buffer';

/** A session in every form. */
interface Forms {
  readonly session: Session;
  readonly naive: Uint8Array<ArrayBuffer>;
  readonly text: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
}

/** All that is said of the speed of the blob. */
export async function subject(): Promise<Subject> {
  useKernel('wasm');
  const forms = new Map<SizeName, Forms>();
  for (const name of Object.keys(SIZES) as SizeName[]) forms.set(name, await makeForms(name));
  const cases = [...forms].flatMap(([name, one]) => [decoding(name, one), reading(name, one), encoding(name, one)]);
  const large = forms.get('20 MiB') as Forms;
  const schema = (['4 KiB', '64 KiB', '1 MiB'] as const).map((name) => schemaStage(name, forms.get(name) as Forms));
  const thresholds = await Promise.all([1, 4, 16, 64, 256].map(threshold));
  return {
    name: 'blob',
    baseline: BASELINE,
    note:
      'Generated sessions; `one JSON text` is `JSON.parse` of everything and `Buffer.from` of each content. `decode`: no hash of a section is checked; the ' +
      'text framing decodes all Base64, the packed one makes views. `decode and check`: every section is read and its hash (SHA-256) checked, which the JSON text ' +
      'does not do. Strict parsing, the hash of the state and the schema are in every row of ours. `text of N Ki units`: 4 Mi units of web storage in values of that ' +
      'length, in the state or in sections, packed, each value read once.\n\n' +
      measureMemory(large),
    cases: [...cases, peeking(large), ...schema, ...thresholds],
  };
}

async function makeForms(name: SizeName): Promise<Forms> {
  const session = generateSession(name);
  const text = await encodeSession(session);
  const packed = await convertBlob(text, 'packed');
  const frame = readFrame(packed);
  const state: unknown = JSON.parse(new TextDecoder().decode(packed.subarray(frame.stateStart, frame.stateEnd)));
  const sections = frame.header.sections.map((entry) => readStored(packed, frame, entry));
  return { session, naive: toNaiveJson(frame.header, state, sections), text, packed };
}

function readNaive(naive: Uint8Array): Uint8Array[] {
  const { sections } = JSON.parse(new TextDecoder().decode(naive)) as { sections: string[] };
  return sections.map((data) => Buffer.from(data, 'base64'));
}

async function readUnchecked(blob: Uint8Array): Promise<Uint8Array[]> {
  await decodeSession(blob);
  // The header is read twice for this, which counts in.
  const frame = readFrame(blob);
  return frame.header.sections.map((entry) => readStored(blob, frame, entry));
}

async function readChecked(blob: Uint8Array): Promise<Uint8Array[]> {
  const sections = new Set(sectionsOf(await decodeSession(blob)).keys());
  return Promise.all([...sections].map((section) => section.bytes()));
}

function sameArrays(first: unknown, other: unknown): boolean {
  const [one, two] = [first as Uint8Array[], other as Uint8Array[]];
  return one.length === two.length && one.every((bytes, i) => sameBytes(bytes, two[i]));
}

function decoding(name: string, { naive, text, packed }: Forms): BenchCase {
  return {
    name: `decode ${name}`,
    inputBytes: naive.length,
    contestants: [
      { name: BASELINE, rival: true, run: () => readNaive(naive) },
      { name: 'text', run: () => readUnchecked(text) },
      { name: 'packed', run: () => readUnchecked(packed) },
    ],
    agree: sameArrays,
  };
}

function reading(name: string, { naive, text, packed }: Forms): BenchCase {
  return {
    name: `decode and check ${name}`,
    inputBytes: naive.length,
    contestants: [
      { name: BASELINE, rival: true, run: () => readNaive(naive) },
      { name: 'text', run: () => readChecked(text) },
      { name: 'packed', run: () => readChecked(packed) },
    ],
    agree: sameArrays,
  };
}

function encoding(name: string, { session, naive, packed }: Forms): BenchCase {
  const length = async (blob: Promise<Uint8Array>): Promise<boolean> => (await blob).length > 0;
  const frame = readFrame(packed);
  const state: unknown = JSON.parse(new TextDecoder().decode(packed.subarray(frame.stateStart, frame.stateEnd)));
  const sections = frame.header.sections.map((entry) => readStored(packed, frame, entry));
  return {
    name: `encode ${name}`,
    inputBytes: naive.length,
    contestants: [
      { name: BASELINE, rival: true, run: () => toNaiveJson(frame.header, state, sections).length > 0 },
      { name: 'text', run: () => length(encodeSession(session)) },
      { name: 'packed', run: () => length(encodeSession(session, { framing: 'packed' })) },
      { name: 'packed, gzip', run: () => length(encodeSession(session, { framing: 'packed', codec: 'gzip' })) },
    ],
    agree: (first, other) => first === other,
  };
}

function peeking({ naive, text, packed }: Forms): BenchCase {
  return {
    name: 'peek 20 MiB',
    inputBytes: null,
    contestants: [
      { name: BASELINE, rival: true, run: () => (JSON.parse(new TextDecoder().decode(naive)) as { header: { id: string } }).header.id },
      { name: 'text', run: async () => (await peekBlob(text)).id },
      { name: 'packed', run: async () => (await peekBlob(packed)).id },
    ],
    agree: (first, other) => first === other,
  };
}

function schemaStage(name: string, { naive }: Forms): BenchCase {
  const { state } = JSON.parse(new TextDecoder().decode(naive)) as { state: unknown };
  const json = JSON.stringify(state);
  return {
    name: `schema stage, state of ${name}`,
    inputBytes: Buffer.byteLength(json),
    contestants: [
      { name: 'JSON.parse', rival: true, run: () => JSON.parse(json) !== null },
      {
        name: 'schema stage',
        run: () => {
          assertState(state);
          return true;
        },
      },
    ],
    agree: (first, other) => first === other,
  };
}

async function threshold(kibiUnits: number): Promise<BenchCase> {
  const units = kibiUnits * 1024;
  const value = (i: number): string =>
    `${i} ${'{"sku":"0a1b2c3d","qty":3,"title":"lorem ipsum dolor"},'.repeat(units / 56)}`.padEnd(units, '.');
  const localStorage = Array.from({ length: (4 * 1024) / kibiUnits }, (_, i) => [`k${i}`, value(i)] as const);
  const key = { origin: 'https://app.example', topLevelSite: null };
  const session: Session = { ...generateSession('4 KiB'), storage: [{ key, localStorage, indexedDB: [] }] };
  const inline = await encodeSession(session, { framing: 'packed', textSectionUnits: Number.POSITIVE_INFINITY });
  const sections = await encodeSession(session, { framing: 'packed', textSectionUnits: 1 });
  const readAll = async (blob: Uint8Array): Promise<number> => {
    let length = 0;
    for (const { localStorage: items } of (await decodeSession(blob)).storage) {
      for (const [, item] of items) length += (await textOf(item)).length;
    }
    return length;
  };
  const readNone = async (blob: Uint8Array): Promise<number> => {
    const { storage } = await decodeSession(blob);
    return storage[0]?.localStorage.reduce((sum, [, item]) => sum + (typeof item === 'string' ? item.length : item.length / 2), 0) ?? 0;
  };
  return {
    name: `text of ${kibiUnits} Ki units`,
    inputBytes: inline.length,
    contestants: [
      { name: 'in the state', run: () => readAll(inline) },
      { name: 'in sections', run: () => readAll(sections) },
      { name: 'in the state, not read', run: () => readNone(inline) },
      { name: 'in sections, not read', run: () => readNone(sections) },
    ],
    agree: (first, other) => first === other,
  };
}

/** A sentence about peak memory, each form in a process of its own. */
function measureMemory({ naive, text, packed }: Forms): string {
  const folder = mkdtempSync(join(tmpdir(), 'psp-bench-'));
  const script = fileURLToPath(new URL('./blob-memory.js', import.meta.url));
  const run = (form: string, bytes: Uint8Array): { growthBytes: number; heapBytes: number } => {
    const file = join(folder, 'session');
    writeFileSync(file, bytes);
    const runs = Array.from({ length: 5 }, () => {
      const output = execFileSync(process.execPath, [script, form, file], { encoding: 'utf8' });
      return JSON.parse(output) as { growthBytes: number; heapBytes: number };
    });
    return runs.sort((a, b) => a.growthBytes - b.growthBytes)[2] as { growthBytes: number; heapBytes: number };
  };
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const growth = (form: string, bytes: Uint8Array): string => mib(run(form, bytes).growthBytes);
  try {
    const peek = run('peek', packed);
    return (
      `Growth of the peak of memory (RSS) for the session of 20 MiB, file to every section, median of five processes: one JSON text ${growth('naive', naive)}; ` +
      `text ${growth('whole', text)}, packed ${growth('whole', packed)}; streamed: text ${growth('stream', text)}, packed ${growth('stream', packed)}. ` +
      `Peek of the packed file: ${mib(peek.growthBytes)}, of that on the heap ${mib(peek.heapBytes)}.`
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
