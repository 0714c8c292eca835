/**
 * Permissions of an origin (Permissions, section 3). A session holds those whose state is not the usual one; which states are usual is a table here, so that
 * capture and restore mean the same by what a session does not name, whatever another browser's defaults are. Storage access of frames is not looked at.
 */
import { PspError } from '../errors.ts';
import type { Permission } from '../session/session.ts';
import type { BrowserPort } from './browser-port.ts';
import type { Operation } from './operation.ts';
import type { PermissionQuery } from './page/permissions.ts';
import type { PageCall } from './page/script.ts';
import type { PageWorld } from './page-world.ts';

type State = Permission['state'];

interface Known {
  /** Its name in a session. */
  readonly name: string;
  readonly query: PermissionQuery;
  /** Without any decision of the user. */
  readonly usual: State;
}

const of = (usual: State, names: readonly string[]): Known[] => names.map((name) => ({ name, query: { name }, usual }));

/** The names that Chromium 156 takes, in the Permissions registry's words or its own, with the states of a fresh profile. */
const KNOWN: readonly Known[] = /* @__PURE__ */ [
  ...of('prompt', [
    'camera',
    'captured-surface-control',
    'clipboard-read',
    'display-capture',
    'geolocation',
    'idle-detection',
    'local-fonts',
  ]),
  ...of('prompt', ['local-network', 'local-network-access', 'loopback-network', 'microphone', 'midi', 'nfc', 'notifications']),
  ...of('prompt', ['persistent-storage', 'speaker-selection', 'window-management']),
  ...of('granted', ['accelerometer', 'ambient-light-sensor', 'background-fetch', 'background-sync', 'clipboard-write', 'gyroscope']),
  ...of('granted', ['keyboard-lock', 'magnetometer', 'payment-handler', 'pointer-lock', 'screen-wake-lock']),
  ...of('denied', ['periodic-background-sync']),
  { name: 'camera-pan-tilt-zoom', query: { name: 'camera', panTiltZoom: true }, usual: 'prompt' },
  { name: 'fullscreen-without-gesture', query: { name: 'fullscreen', allowWithoutGesture: true }, usual: 'denied' },
  { name: 'midi-sysex', query: { name: 'midi', sysex: true }, usual: 'prompt' },
  { name: 'push', query: { name: 'push', userVisibleOnly: true }, usual: 'prompt' },
];

const QUERIES: readonly PermissionQuery[] = /* @__PURE__ */ KNOWN.map(({ query }) => query);

/** What {@link capturePermissions} and {@link restorePermissions} ask of a document first. */
export function permissionsCall(): PageCall {
  return ['readPermissions', QUERIES];
}

/** The permissions of the document's origin whose states are not the usual ones. Null where it did not answer, which is an entry of the report. */
export async function capturePermissions(operation: Operation, world: PageWorld, origin: string): Promise<Permission[] | null> {
  const states = await operation.part({ outcome: 'lost', kind: 'permission', place: origin }, () => world.call('readPermissions', QUERIES));
  if (states === null) return null;
  return KNOWN.flatMap(({ name, usual }, index): Permission[] => {
    const state = states[index] ?? usual;
    return state === usual ? [] : [{ origin, name, state }];
  });
}

/**
 * Sets the permissions of the document's origin, and asks for them again; how many of `wanted` are as captured. What `wanted` does not name becomes usual where
 * `isWhole`.
 */
export async function restorePermissions(
  operation: Operation,
  set: BrowserPort<unknown>['setPermission'],
  world: PageWorld,
  origin: string,
  wanted: readonly Permission[],
  isWhole: boolean,
): Promise<number> {
  const entry = { outcome: 'lost', kind: 'permission', place: origin } as const;
  const right = await operation.part(entry, async () => {
    const before = await world.call('readPermissions', QUERIES);
    const targets = targetsOf(operation, origin, wanted, isWhole);
    const different = targets.filter(({ index, state }) => before[index] !== null && before[index] !== state);
    for (const { index, state } of different) {
      const { name, query } = KNOWN[index]!;
      await operation.part({ ...entry, place: `${origin} ${name}` }, () => {
        if (set === null) throw new PspError('ADAPTER_UNSUPPORTED', 'this driver cannot set permissions');
        return set(origin, query, state);
      });
    }
    const after = different.length === 0 ? before : await world.call('readPermissions', QUERIES);
    return verify(operation, origin, targets, after);
  });
  return right ?? 0;
}

interface Target {
  /** In {@link KNOWN}. */
  readonly index: number;
  readonly state: State;
  readonly isWanted: boolean;
}

function targetsOf(operation: Operation, origin: string, wanted: readonly Permission[], isWhole: boolean): Target[] {
  const byName = new Map<string, State>();
  for (const { name, state, embeddingOrigin } of wanted) {
    const reason =
      embeddingOrigin !== undefined
        ? 'permissions of frames in another site are not restored'
        : KNOWN.every((known) => known.name !== name)
          ? 'this version does not know it'
          : null;
    if (reason === null) byName.set(name, state);
    else operation.entries.push({ outcome: 'lost', kind: 'permission', place: `${origin} ${name}`, reason });
  }
  return KNOWN.flatMap(({ name, usual }, index): Target[] => {
    const state = byName.get(name);
    if (state !== undefined) return [{ index, state, isWanted: true }];
    return isWhole ? [{ index, state: usual, isWanted: false }] : [];
  });
}

function verify(operation: Operation, origin: string, targets: readonly Target[], found: readonly (State | null)[]): number {
  const failed = new Set(operation.entries.filter(({ kind }) => kind === 'permission').map(({ place }) => place));
  let right = 0;
  for (const { index, state, isWanted } of targets) {
    const place = `${origin} ${KNOWN[index]!.name}`;
    const there = found[index] ?? null;
    if (there === state) right += isWanted ? 1 : 0;
    else if (there === null && isWanted) {
      operation.entries.push({ outcome: 'lost', kind: 'permission', place, reason: 'this browser does not know it' });
    } else if (there !== null && !failed.has(place)) {
      operation.entries.push({ outcome: 'altered', kind: 'permission', place, reason: `it is ${there}, not ${state}` });
    }
  }
  return right;
}
