/** `psp inspect`: what a session file holds, by names, sizes and expiry. No value is ever shown; without a key, the header alone. */
import { isFieldFile } from '../envelope/field-text.ts';
import { type PeekedHeader, peek } from '../envelope/peek.ts';
import type { Cookie, Session, StorageItem } from '../session/session.ts';
import { peekFields } from '../store/field-peek.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { readWhole } from './file.ts';
import { findKey, KEY_OPTIONS } from './key-source.ts';
import { isClear, openSession } from './session-file.ts';
import { showBytes, showExpiry, showName, table } from './text.ts';

export async function runInspect(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, { ...KEY_OPTIONS, json: { type: 'boolean' } });
  const bytes = await readWhole(onlyArgument(positionals, 'inspect needs one FILE'));
  const envelope = isClear(bytes) ? null : (isFieldFile(bytes) ? peekFields(bytes) : peek(bytes)).unverified;
  const key = envelope === null ? null : await findKey(values);
  const session = envelope !== null && key === null ? null : await openSession(bytes, key);
  const facts = { file: fileFacts(bytes, envelope), session: session === null ? null : sessionFacts(session) };
  const content = session === null ? 'its content needs the key: give --key-file, PSP_KEY or --prompt\n' : showSession(session, Date.now());
  print(values, facts, `${showFile(bytes, envelope)}${content}`);
}

type Envelope = Pick<PeekedHeader, 'wraps'> | null;

function fileFacts(bytes: Uint8Array, envelope: Envelope): object {
  const keys = envelope?.wraps.map(({ kid }) => kid) ?? [];
  return { bytes: bytes.length, sealed: envelope !== null, keys };
}

function showFile(bytes: Uint8Array, envelope: Envelope): string {
  if (envelope === null) return `clear session blob, ${showBytes(bytes.length)}: it is not sealed\n`;
  const keys = envelope.wraps.map(({ kid }) => showName(kid)).join(', ');
  return `sealed session, ${showBytes(bytes.length)}, for key ${keys}\n`;
}

/** Everything that may be shown of a session: the text form and `--json` have the same. */
function sessionFacts(session: Session): SessionFacts {
  return {
    id: session.id,
    name: session.name ?? null,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    source: session.source,
    coverage: { cookies: session.coverage.cookies, tabs: session.coverage.tabs },
    cookies: session.cookies.map((cookie) => ({
      name: cookie.name,
      domain: `${cookie.hostOnly ? '' : '.'}${cookie.domain}`,
      path: cookie.path,
      valueBytes: bytesOf(cookie.value),
      expiresAt: cookie.expiresAt,
      flags: flagsOf(cookie),
    })),
    entries: [
      ...session.storage.flatMap(({ key: { origin }, localStorage }) => items('localStorage', origin, localStorage)),
      ...session.tabs.flatMap((tab, i) =>
        tab.sessionStorage.flatMap(({ key, items: list }) => items('sessionStorage', `tab ${i} ${key.origin}`, list)),
      ),
      ...session.storage.flatMap(({ key: { origin }, indexedDB }) =>
        indexedDB.flatMap(({ name, stores }) =>
          stores.map((store) => ({
            kind: 'indexedDB',
            place: origin,
            name: `${name}/${store.name}`,
            bytes: store.records?.length ?? 0,
            records: store.recordCount,
          })),
        ),
      ),
    ],
    // A tab's path and query may be as secret as a token: its origin is all that is shown.
    tabs: session.tabs.map(({ url }) => (URL.canParse(url) ? new URL(url).origin : '')),
  };
}

interface SessionFacts {
  readonly id: string;
  readonly name: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly source: Session['source'];
  readonly coverage: { readonly cookies: string; readonly tabs: string };
  readonly cookies: readonly {
    name: string;
    domain: string;
    path: string;
    valueBytes: number;
    expiresAt: number | null;
    flags: string[];
  }[];
  readonly entries: readonly { kind: string; place: string; name: string; bytes: number; records?: number }[];
  readonly tabs: readonly string[];
}

function items(kind: string, place: string, list: readonly StorageItem[]): SessionFacts['entries'] {
  return list.map(([name, value]) => ({ kind, place, name, bytes: typeof value === 'string' ? bytesOf(value) : value.length }));
}

function flagsOf(cookie: Cookie): string[] {
  return [
    ...(cookie.secure ? ['Secure'] : []),
    ...(cookie.httpOnly ? ['HttpOnly'] : []),
    ...(cookie.sameSite === 'unset' ? [] : [`SameSite=${cookie.sameSite}`]),
    ...(cookie.partitionKey === null ? [] : ['Partitioned']),
  ];
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function showSession(session: Session, now: number): string {
  const facts = sessionFacts(session);
  const time = (ms: number): string => new Date(ms).toISOString();
  const head = [
    `session ${showName(facts.id)}${facts.name === null ? '' : ` "${showName(facts.name)}"`}`,
    `captured ${time(facts.createdAt)} by ${showName(facts.source.tool)}${facts.source.browser === undefined ? '' : ` from ${showName(facts.source.browser)}`}`,
    `coverage: cookies ${facts.coverage.cookies}, tabs ${facts.coverage.tabs}`,
    `tabs: ${facts.tabs.length === 0 ? 'none' : facts.tabs.map((origin) => showName(origin)).join(', ')}`,
  ];
  const cookies = facts.cookies.map((cookie) => [
    showName(cookie.name),
    showName(`${cookie.domain}${cookie.path}`),
    showBytes(cookie.valueBytes),
    showExpiry(cookie.expiresAt, now),
    cookie.flags.join(' '),
  ]);
  const entries = facts.entries.map((entry) => [
    entry.kind,
    showName(entry.place),
    showName(entry.name),
    showBytes(entry.bytes),
    entry.records === undefined ? '' : `${entry.records} records`,
  ]);
  return [
    ...head,
    ...(cookies.length === 0 ? [] : ['', table([['cookie', 'domain and path', 'size', 'expires', 'flags'], ...cookies])]),
    ...(entries.length === 0 ? [] : ['', table([['storage', 'place', 'name', 'size', ''], ...entries])]),
    '',
  ].join('\n');
}
