/**
 * The neutral model of the schema corpus (../shared/data/schema) -> our documents, without judging anything: what is wrong there is wrong here. And the
 * way back for pointers. Records are in sections here, so they are encoded; everything else is copied.
 */
import { createHash } from 'node:crypto';
import { ByteWriter } from '../../ts/session/clone/bytes.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Our documents for a neutral one. */
export interface Translated {
  readonly header: unknown;
  readonly state: unknown;
  /** One line of Base64 for each section, as the corpus has it, or as it was encoded here. */
  readonly lines: readonly string[];
  /** Our pointer -> that of the neutral document; a longer one of ours is that of its beginning. */
  readonly toNeutral: (pointer: string) => string;
}

/** Translates one document of the corpus. Never throws for what is wrong in it. */
export function translateNeutral(session: unknown): Translated {
  return new Translator().translate(session);
}

class Translator {
  readonly #back = new Map<string, string>();
  /** Ours that is an object where theirs is one member: what is inside is that member. */
  readonly #whole = new Set<string>();
  readonly #sections: unknown[] = [];
  readonly #lines: string[] = [];
  #offset = 0;

  translate(session: unknown): Translated {
    const toNeutral = (pointer: string): string => this.#toNeutral(pointer);
    if (!isPlain(session)) return { header: session, state: session, lines: [], toNeutral };
    const { meta, cookies, origins, sections, ttl, ...unknown } = session;
    const corpusSections = Array.isArray(sections) ? sections : [];
    corpusSections.forEach((section, i) => {
      this.#section(section, i);
    });
    const state = {
      coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
      cookies: listOf(cookies, (cookie, i) => this.#cookie(cookie, `/cookies/${i}`)),
      storage: listOf(origins, (origin, i) => this.#origin(origin, i)),
      tabs: [{ id: 'tab', url: 'https://app.example/', sessionStorage: this.#sessionStorage(origins) }],
      ...(ttl === undefined ? {} : { ttl: listOf(ttl, (rule, i) => this.#ttl(rule, i)) }),
      ...unknown,
    };
    this.#note('/storage', '/origins');
    const text = JSON.stringify(state) ?? '';
    const header = isPlain(meta) ? this.#header(meta, text) : { state: {}, sections: [], ...(meta === undefined ? {} : { meta }) };
    return { header, state, lines: this.#lines, toNeutral };
  }

  #header({ version, id, createdAt, updatedAt, expiresAt, ...rest }: Plain, state: string): unknown {
    for (const name of ['id', 'createdAt', 'updatedAt', 'expiresAt', 'name', 'tags', 'source']) this.#note(`/${name}`, `/meta/${name}`);
    this.#note('/psp', '/meta/version');
    return {
      ...present('psp', versionOf(version)),
      ...present('id', id),
      incarnation: 'incarnation',
      revision: 0,
      ...rest,
      ...present('createdAt', timeOf(createdAt)),
      ...present('updatedAt', timeOf(updatedAt)),
      ...present('expiresAt', timeOf(expiresAt)),
      state: { length: Buffer.byteLength(state), sha256: createHash('sha256').update(state).digest('hex') },
      sections: this.#sections,
    };
  }

  #cookie(cookie: unknown, at: string): unknown {
    if (!isPlain(cookie)) return cookie;
    const { expires, domain, sameSite, partitionKey, priority, ...rest } = cookie;
    this.#note(`${at}/expiresAt`, `${at}/expires`);
    this.#note(`${at}/hostOnly`, `${at}/domain`);
    // A string there, an object here.
    this.#noteWhole(`${at}/partitionKey`, `${at}/partitionKey`);
    const dotted = typeof domain === 'string' && domain.startsWith('.') && domain.length > 1;
    return {
      ...rest,
      ...present('domain', dotted ? (domain as string).slice(1) : domain),
      hostOnly: !dotted,
      // Each spelling of the neutral model has one of ours; any other stays, marked so that it does not become one of ours by chance.
      ...present('sameSite', spelling(sameSite, { Lax: 'lax', Strict: 'strict', None: 'none' })),
      ...present('priority', spelling(priority, { Low: 'low', Medium: 'medium', High: 'high' })),
      ...present('expiresAt', expires === -1 ? null : typeof expires === 'number' ? secondsToTime(expires) : expires),
      partitionKey: typeof partitionKey === 'string' ? { topLevelSite: partitionKey, hasCrossSiteAncestor: false } : (partitionKey ?? null),
    };
  }

  #origin(origin: unknown, i: number): unknown {
    if (!isPlain(origin)) return origin;
    const [ours, theirs] = [`/storage/${i}`, `/origins/${i}`];
    this.#noteWhole(`${ours}/key`, `${theirs}/origin`);
    this.#note(ours, theirs);
    const { origin: name, localStorage, indexedDB, sessionStorage: _, ...rest } = origin;
    return {
      key: { ...present('origin', name), topLevelSite: null },
      ...rest,
      localStorage: this.#items(localStorage ?? [], `${ours}/localStorage`, `${theirs}/localStorage`),
      indexedDB: listOf(indexedDB ?? [], (database, d) => this.#database(database, `${ours}/indexedDB/${d}`, `${theirs}/indexedDB/${d}`)),
    };
  }

  #sessionStorage(origins: unknown): unknown {
    if (!Array.isArray(origins)) return [];
    const used = origins
      .map((origin, i) => ({ origin, i }))
      .filter(({ origin }) => isPlain(origin) && origin['sessionStorage'] !== undefined);
    return used.map(({ origin, i }, s) => {
      const { origin: name, sessionStorage } = origin as Plain;
      const ours = `/tabs/0/sessionStorage/${s}`;
      this.#noteWhole(`${ours}/key`, `/origins/${i}/origin`);
      return {
        key: { ...present('origin', name), topLevelSite: null },
        items: this.#items(sessionStorage, `${ours}/items`, `/origins/${i}/sessionStorage`),
      };
    });
  }

  #items(items: unknown, ours: string, theirs: string): unknown {
    this.#note(ours, theirs);
    return listOf(items, (item, i) => {
      if (!isPlain(item)) return item;
      this.#note(`${ours}/${i}/0`, `${theirs}/${i}/name`);
      const { name, value, valueSection } = item;
      this.#noteWhole(`${ours}/${i}/1`, `${theirs}/${i}/${value === undefined && valueSection !== undefined ? 'valueSection' : 'value'}`);
      const reference = valueSection === undefined ? [] : [typeof valueSection === 'string' ? { $section: valueSection } : valueSection];
      // An item with both is one too long, and one without a name or a value holds what is not there.
      return [name, ...(value === undefined && reference.length > 0 ? [] : [value]), ...reference];
    });
  }

  #database(database: unknown, ours: string, theirs: string): unknown {
    if (!isPlain(database)) return database;
    this.#note(ours, theirs);
    return {
      ...database,
      stores: listOf(database['stores'], (store, s) => this.#store(store, `${ours}/stores/${s}`, `${theirs}/stores/${s}`)),
    };
  }

  #store(store: unknown, ours: string, theirs: string): unknown {
    if (!isPlain(store)) return store;
    const { records, ...rest } = store;
    this.#note(`${ours}/recordCount`, `${theirs}/records`);
    if (!Array.isArray(records)) return { ...rest, ...(records === undefined ? {} : { recordCount: 0, records }) };
    if (records.length === 0) return { ...rest, recordCount: 0 };
    const writer = new ByteWriter();
    for (const record of records) {
      const { key, value } = isPlain(record) ? record : { key: undefined, value: record };
      const live = encodeTagged(value);
      const path = store['keyPath'];
      const inline = key === undefined && typeof path === 'string' ? keyAt(untag(value), path) : undefined;
      for (const bytes of [key === undefined ? encodeValue(inline).bytes : encodeTagged(key), live]) {
        writer.varint(bytes.length);
        writer.bytes(bytes);
      }
    }
    const bytes = writer.take();
    return {
      ...rest,
      recordCount: records.length,
      records: { $section: this.#addSection('records', RECORDS_MEDIA_TYPE, bytes) },
    };
  }

  #addSection(kind: string, mediaType: string, bytes: Uint8Array): string {
    const id = `s${this.#sections.length}`;
    const line = Buffer.from(bytes).toString('base64');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#sections.push({ id, kind, mediaType, offset: this.#offset, length: line.length, rawLength: bytes.length, sha256 });
    this.#lines.push(line);
    this.#offset += line.length + 1;
    return id;
  }

  #section(section: unknown, i: number): void {
    const at = `/sections/${i}`;
    this.#note(`${at}/length`, `${at}/data`);
    this.#note(`${at}/rawLength`, `${at}/byteLength`);
    this.#note(`${at}/codec`, `${at}/encoding`);
    if (!isPlain(section)) {
      this.#sections.push(section);
      this.#lines.push('');
      return;
    }
    const { encoding, byteLength, data, ...rest } = section;
    this.#sections.push({
      kind: 'text',
      ...rest,
      offset: this.#offset,
      ...present('rawLength', byteLength),
      ...present('length', typeof data === 'string' ? Buffer.byteLength(data) : data),
      ...(encoding === 'base64' ? {} : present('codec', encoding)),
    });
    const line = typeof data === 'string' ? data : '';
    this.#lines.push(line);
    this.#offset += Buffer.byteLength(line) + 1;
  }

  #ttl(rule: unknown, i: number): unknown {
    if (!isPlain(rule)) return rule;
    const at = `/ttl/${i}`;
    const { pointer, expiresAt, idleSeconds, lastTouched, ...rest } = rule;
    this.#noteWhole(`${at}/target`, `${at}/pointer`);
    this.#note(`${at}/idleMs`, `${at}/idleSeconds`);
    return {
      ...rest,
      target: { ...present('pointer', typeof pointer === 'string' ? this.#toOurs(pointer) : pointer) },
      ...present('expiresAt', timeOf(expiresAt)),
      ...present('idleMs', typeof idleSeconds === 'number' ? idleSeconds * 1000 : idleSeconds),
      ...present('lastTouched', timeOf(lastTouched)),
    };
  }

  #note(ours: string, theirs: string): void {
    this.#back.set(ours, theirs);
  }

  #noteWhole(ours: string, theirs: string): void {
    this.#note(ours, theirs);
    this.#whole.add(ours);
  }

  #toNeutral(pointer: string): string {
    for (let end = pointer.length; end > 0; end = pointer.lastIndexOf('/', end - 1)) {
      const known = this.#back.get(pointer.slice(0, end));
      if (known !== undefined) return this.#whole.has(pointer.slice(0, end)) ? known : known + pointer.slice(end);
    }
    return pointer;
  }

  #toOurs(pointer: string): string {
    return pointer.replace(/^\/origins\//, '/storage/');
  }
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown, map: (item: unknown, i: number) => unknown): unknown {
  return Array.isArray(value) ? value.map(map) : value;
}

function present(name: string, value: unknown): Plain {
  return value === undefined ? {} : { [name]: value };
}

/** `1.0.0` -> `2.0`: our major is one ahead, and there is no third number. */
function versionOf(version: unknown): unknown {
  if (typeof version !== 'string') return version;
  return version.replace(/\.[^.]*$/, '').replace(/^1(?=\.|$)/, '2');
}

/** Our form has three decimals of a second. */
function timeOf(time: unknown): unknown {
  return typeof time === 'string' ? time.replace(/(T\d\d:\d\d:\d\d)Z$/, '$1.000Z') : time;
}

/** A number that our form cannot hold becomes the last instant that it can. */
function secondsToTime(seconds: number): unknown {
  if (!Number.isFinite(seconds) || seconds < 0) return seconds;
  return new Date(Math.min(Math.round(seconds * 1000), 253_402_300_799_999)).toISOString();
}

function spelling(value: unknown, ours: Readonly<Record<string, string>>): unknown {
  if (typeof value !== 'string') return value;
  return Object.hasOwn(ours, value) ? ours[value] : `neutral ${value}`;
}

/** Unknown tags of the corpus become a tag byte that our encoding does not have. */
function encodeTagged(value: unknown): Uint8Array {
  try {
    return encodeValue(untag(value)).bytes;
  } catch (error) {
    if (error instanceof UnknownTag) return Uint8Array.of(0x7e);
    throw error;
  }
}

class UnknownTag extends Error {}

/** The live value for a tagged one. */
function untag(value: unknown, objects: Map<unknown, object> = new Map()): unknown {
  if (Array.isArray(value)) return value.map((one) => untag(one, objects));
  if (!isPlain(value)) return value;
  if (!Object.hasOwn(value, '$type')) return untagMembers(value, {}, objects);
  const inner = value['value'];
  switch (value['$type']) {
    case 'date':
      return new Date(inner as string);
    case 'bigint':
      return BigInt(inner as string);
    case 'number':
      return Number(inner);
    case 'undefined':
      return undefined;
    case 'null':
      return null;
    case 'regexp':
      return new RegExp(String((inner as Plain)?.['source'] ?? inner));
    case 'map':
      return new Map((inner as [unknown, unknown][]).map(([key, item]) => [untag(key, objects), untag(item, objects)]));
    case 'set':
      return new Set((inner as unknown[]).map((item) => untag(item, objects)));
    case 'binary':
      return new Uint8Array(Buffer.from(inner as string, 'base64')).buffer;
    case 'object': {
      const object = {};
      objects.set(value['id'], object);
      return untagMembers(inner as Plain, object, objects);
    }
    case 'ref':
      return objects.get(inner);
    default:
      throw new UnknownTag();
  }
}

function untagMembers(from: Plain, into: object, objects: Map<unknown, object>): object {
  for (const [name, member] of Object.entries(from)) Object.defineProperty(into, name, define(untag(member, objects)));
  return into;
}

function define(value: unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: true, configurable: true };
}

function keyAt(value: unknown, path: string): unknown {
  let at = value;
  for (const name of path === '' ? [] : path.split('.')) at = isPlain(at) ? at[name] : undefined;
  return at;
}
