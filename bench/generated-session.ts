/**
 * Sessions like those of browsers, of a given size, the same in every run: cookies, web storage, IndexedDB records and binary content, half of it
 * incompressible. After the generator that the plan's figures were measured with (sfc32 is by Chris Doty-Humphrey, PractRand).
 */
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../ts/session/clone/records.ts';
import { type Cookie, type OriginStorage, type PrivateFile, type Session, section } from '../ts/session/session.ts';

interface Size {
  readonly cookies: number;
  readonly origins: number;
  readonly items: number;
  readonly records: number;
  /** Mean length of a value of web storage. */
  readonly units: number;
  readonly files: number;
  readonly fileBytes: number;
}

/** By the size of the session as one JSON text. */
export const SIZES: Readonly<Record<SizeName, Size>> = {
  '4 KiB': { cookies: 8, origins: 1, items: 14, records: 0, units: 110, files: 0, fileBytes: 0 },
  '64 KiB': { cookies: 40, origins: 4, items: 180, records: 20, units: 150, files: 1, fileBytes: 12 << 10 },
  '1 MiB': { cookies: 150, origins: 12, items: 800, records: 300, units: 300, files: 2, fileBytes: 250 << 10 },
  '20 MiB': { cookies: 500, origins: 50, items: 2000, records: 800, units: 450, files: 7, fileBytes: 2 * 1024 * 1024 },
};

/** The name of a size. */
export type SizeName = '4 KiB' | '64 KiB' | '1 MiB' | '20 MiB';

/** The session of one size. */
export function generateSession(name: SizeName): Session {
  const size = SIZES[name];
  const random = new Random(1);
  const nowMs = 1_790_000_000_000;
  return {
    id: random.letters(24),
    incarnation: random.letters(24),
    revision: 1,
    name: 'Session 1',
    createdAt: nowMs,
    updatedAt: nowMs + 60_000,
    source: { tool: 'playwright', browser: 'Chrome/156.0.0.0' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    cookies: Array.from({ length: size.cookies }, (_, i) => makeCookie(random, i, nowMs)),
    storage: Array.from({ length: size.origins }, (_, i) => makeStorage(random, size, i)),
    tabs: [{ id: 't1', url: 'https://shop.example/', sessionStorage: [] }],
  };
}

/** The session in the form that one would think of first: one JSON text, content as Base64 in it. */
export function toNaiveJson(header: unknown, state: unknown, sections: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const data = sections.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'));
  return new TextEncoder().encode(JSON.stringify({ header, state, sections: data }));
}

const WORDS = 'lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy eirmod tempor größe naïve 東京 🙂'.split(' ');

function makeCookie(random: Random, i: number, nowMs: number): Cookie {
  return {
    name: `${random.pick(['_ga', 'sid', 'csrftoken', 'consent', 'remember_me'])}_${i}`,
    value: random.letters(random.below(200) + 8),
    domain: `s${i % 50}.shop.example`,
    hostOnly: random.below(10) < 4,
    path: '/',
    secure: true,
    httpOnly: random.below(2) === 0,
    sameSite: random.pick(['lax', 'lax', 'strict', 'none']),
    expiresAt: random.below(4) === 0 ? null : nowMs + random.below(1_000_000) * 1000,
    partitionKey: null,
  };
}

function makeStorage(random: Random, size: Size, i: number): OriginStorage {
  const share = (total: number): number => Math.floor(total / size.origins) + (i === 0 ? total % size.origins : 0);
  const writer = new RecordWriter();
  for (let record = 1; record <= share(size.records); record++) {
    writer.add(record, {
      id: random.letters(36),
      title: random.text(40),
      n: random.below(1_000_000),
      done: true,
      tags: [random.pick(WORDS)],
    });
  }
  const records = writer.take();
  const stores = [
    {
      ...{ name: 'records', keyPath: null, autoIncrement: true, keyGenerator: 900, indexes: [], recordCount: share(size.records) },
      records: section(records, RECORDS_MEDIA_TYPE),
    },
  ];
  return {
    key: { origin: `https://s${i}.shop.example`, topLevelSite: null },
    localStorage: Array.from({ length: share(size.items) }, (_, item) => [`key:${item}`, makeValue(random, size.units)] as const),
    indexedDB: records.length === 0 ? [] : [{ name: 'app-db', version: 3, stores }],
    files: i === 0 ? Array.from({ length: size.files }, (_, file) => makeFile(random, file, size.fileBytes)) : [],
  };
}

function makeValue(random: Random, units: number): string {
  const kind = random.below(10);
  if (kind < 3) return String(random.below(1_000_000_000));
  if (kind < 6) return `eyJ${random.letters(Math.min(900, units))}`;
  return JSON.stringify({ id: random.letters(36), title: random.text(Math.round((units * (3 + random.below(20))) / 10)) });
}

/** In turn: noise, text that repeats, and bytes that are partly zero. */
function makeFile(random: Random, i: number, length: number): PrivateFile {
  const bytes = new Uint8Array(length);
  const text = new TextEncoder().encode(random.text(4096));
  for (let at = 0; at < length; at++) {
    bytes[at] = i % 3 === 0 ? random.next() : i % 3 === 1 ? (text[at % text.length] as number) : at % 64 < 48 ? random.next() & 15 : 0;
  }
  return { path: `f${i}`, kind: 'file', body: section(bytes, i % 3 === 1 ? 'text/plain' : 'application/octet-stream') };
}

class Random {
  #a: number;
  #b = 0x243f6a88;
  #c = 0xb7e15162;
  #counter = 1;

  constructor(seed: number) {
    this.#a = 0x9e3779b9 ^ seed;
    for (let i = 0; i < 16; i++) this.next();
  }

  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  letters(length: number): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return Array.from({ length }, () => alphabet[this.next() & 63]).join('');
  }

  text(length: number): string {
    let text = '';
    while (text.length < length) text += `${this.pick(WORDS)} `;
    return text;
  }
}
