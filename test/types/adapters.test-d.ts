/**
 * What the compiler must accept and refuse: the drivers against the real types of Playwright, the providers against their contract, and the
 * names of the entries. Compiled by `npm run check`, never run.
 */
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { expectTypeOf } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import { type CdpDriver, type CdpTarget, cdp } from '../../ts/adapters/cdp.ts';
import { type PlaywrightTarget, playwright } from '../../ts/adapters/playwright.ts';
import type * as main from '../../ts/index.ts';
import type {
  ActiveKernel,
  CaptureOptions,
  CaptureResult,
  Cookie,
  CookiePartitionKey,
  Coverage,
  Database,
  DeleteOptions,
  Driver,
  KernelKind,
  KernelReason,
  ListOptions,
  ObjectStore,
  OperationOptions,
  OriginStorage,
  PeekedHeader,
  Progress,
  PspErrorCode,
  PspErrorDetails,
  PutOptions,
  RecordHead,
  Report,
  ReportEntry,
  RestoreOptions,
  RestoreResult,
  SameSite,
  SealContext,
  Section,
  Session,
  Source,
  StorageItem,
  StorageKey,
  StorageProvider,
  StoredRecord,
  StoreIndex,
  Tab,
  TabStorage,
  Unverified,
  Version,
} from '../../ts/index.ts';
import type * as merge from '../../ts/merging.ts';
import type * as portable from '../../ts/portable.ts';
import type * as sequence from '../../ts/sequence.ts';

/** A context of a launched browser is accepted as it is, and the pages that come back are Playwright's own. */
export async function launched(session: Session): Promise<void> {
  const browser = await chromium.launch();
  const context = await browser.newContext();
  const driver = playwright(context);
  expectTypeOf(driver).toEqualTypeOf<Driver<PlaywrightTarget<Page>>>();
  const { target, report } = await driver.restore(session);
  expectTypeOf(target.pages).toEqualTypeOf<readonly Page[]>();
  expectTypeOf(report).toEqualTypeOf<Report>();
  await target.pages[0]?.reload({ waitUntil: 'networkidle' });
}

/** So is one over a profile on disk, and one of a browser that runs already. */
export async function persistentOrConnected(): Promise<void> {
  expectTypeOf(playwright(await chromium.launchPersistentContext('profile'))).toExtend<Driver<PlaywrightTarget<Page>>>();
  const connected = await chromium.connectOverCDP('http://127.0.0.1:9222');
  expectTypeOf(playwright(connected.contexts()[0]!)).toExtend<Driver<PlaywrightTarget<Page>>>();
}

/** What is no context is refused, however close. */
export async function refused(context: BrowserContext, page: Page): Promise<void> {
  // @ts-expect-error a page is no context
  playwright(page);
  // @ts-expect-error a promise of a context is no context
  playwright(Promise.resolve(context));
  // @ts-expect-error nor is an object that only has pages
  playwright({ pages: () => [page] });
  // @ts-expect-error an address is for the driver `cdp`
  playwright('http://127.0.0.1:9222');
  // @ts-expect-error an option that does not exist
  await playwright(context).capture({ cookies: true });
}

/** Both drivers are drivers; what they restore to differs. */
export async function overCdp(session: Session): Promise<void> {
  const driver = cdp('http://127.0.0.1:9222', { browserContextId: 'one' });
  expectTypeOf(driver).toEqualTypeOf<CdpDriver>();
  expectTypeOf(driver).toExtend<Driver<CdpTarget>>();
  expectTypeOf(await driver.capture()).toEqualTypeOf<CaptureResult>();
  expectTypeOf(await driver.restore(session)).toEqualTypeOf<RestoreResult<CdpTarget>>();
  // @ts-expect-error a DevTools connection has no Playwright pages
  (await driver.restore(session)).target.pages;
}

/** A provider is what its factory gives, and what it stored is what the envelope opens. */
export async function providers(open: typeof main.open, key: main.EncryptionKey): Promise<void> {
  const both: readonly StorageProvider[] = [memory(), filesystem({ root: './sessions' })];
  for (const provider of both) {
    const record = await provider.get('key');
    expectTypeOf(record).toEqualTypeOf<StoredRecord | null>();
    // @ts-expect-error nothing may be stored under the key
    await open(record.value, key);
    if (record !== null) expectTypeOf(await open(record.value, key)).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    // @ts-expect-error a version comes from a provider; it is not any text
    await provider.put('key', new Uint8Array(), { ifMatch: '1' });
  }
  // @ts-expect-error a store needs a folder
  filesystem();
}

/** The names that a program may import. A name more or less is a change that the changelog has to tell. */
export function names(): void {
  type Shared =
    | 'COOKIE_CAP_MS'
    | 'EncryptionKey'
    | 'PspError'
    | 'SCHEMA_VERSION'
    | 'STORE_SKEW_MS'
    | 'TEXT_MEDIA_TYPE'
    | 'VERSIONS'
    | 'activeEngine'
    | 'activeKernel'
    | 'armor'
    | 'applyPatch'
    | 'assertSession'
    | 'compareBlobs'
    | 'compareSessions'
    | 'convertBlob'
    | 'cookieCapNotices'
    | 'dearmor'
    | 'decodeBase64'
    | 'decodeBase64Into'
    | 'decodeBase64Parts'
    | 'decodeBase64Text'
    | 'decodeBase64View'
    | 'decodeSession'
    | 'diffBlobs'
    | 'diffSessions'
    | 'downgradeDocuments'
    | 'downgradeSession'
    | 'effectiveExpiries'
    | 'effectiveExpiry'
    | 'encodeBase64'
    | 'encodeBase64Into'
    | 'encodeBase64Text'
    | 'encodeBase64View'
    | 'encodeSession'
    | 'expiryAfter'
    | 'explainIssues'
    | 'exportJson'
    | 'formatKey'
    | 'generateKey'
    | 'hasError'
    | 'isArmored'
    | 'invertPatch'
    | 'isComplete'
    | 'isExpired'
    | 'isLossy'
    | 'open'
    | 'openBlob'
    | 'openRange'
    | 'openRanges'
    | 'openSealed'
    | 'openStream'
    | 'openSync'
    | 'parseKey'
    | 'peek'
    | 'peekBlob'
    | 'persist'
    | 'purge'
    | 'readBlob'
    | 'reseal'
    | 'openFields'
    | 'openSealedFields'
    | 'peekFields'
    | 'compareFields'
    | 'sealFields'
    | 'rewrapFields'
    | 'rewrap'
    | 'rewrapHeader'
    | 'rotateStore'
    | 'seal'
    | 'sealStream'
    | 'sealSync'
    | 'section'
    | 'setTtl'
    | 'storeExpiry'
    | 'textOf'
    | 'toJsonPatch'
    | 'touch'
    | 'upgradeDocuments'
    | 'upgradeSession'
    | 'useEngine'
    | 'validateDocument'
    | 'validateSession'
    | 'verifyAudit'
    | 'withoutExpired'
    | 'writeBlob';
  expectTypeOf<keyof typeof portable>().toEqualTypeOf<Shared>();
  expectTypeOf<keyof typeof main>().toEqualTypeOf<Shared | 'useKernel' | 'useModule'>();
  // Functions of one name have one type in both entries, so that a program changes its import line and nothing else.
  expectTypeOf<Readonly<Pick<typeof main, Shared>>>().toEqualTypeOf<Readonly<Pick<typeof portable, Shared>>>();
}

/** The names of the entries that merge: texts and lists, whole sessions. */
export function mergingNames(): void {
  type Shared = 'PspError' | 'activeKernel' | 'useKernel' | 'useModule';
  type Policies =
    | 'firstWriter'
    | 'keepBoth'
    | 'lastWriter'
    | 'longestLived'
    | 'mergeJson'
    | 'mergeText'
    | 'preferFreshToken'
    | 'preferSource'
    | 'union'
    | 'customPolicy'
    | 'checkPolicy';
  type Logs = 'EMPTY_LOG' | 'exportMergeLog' | 'mergeLog' | 'placeInLog' | 'verifyMergeLog';
  type Sessions =
    | 'branchesOf'
    | 'bySite'
    | 'compactSession'
    | 'mergeSessions'
    | 'receiveSessions'
    | 'rekeyRecords'
    | 'replicasOf'
    | 'siteOf'
    | 'withoutMergeState';
  expectTypeOf<keyof typeof sequence>().toEqualTypeOf<Shared | 'createList' | 'createText'>();
  expectTypeOf<keyof typeof merge>().toEqualTypeOf<Shared | Policies | Logs | Sessions>();
  expectTypeOf<Readonly<Pick<typeof merge, Shared>>>().toEqualTypeOf<Readonly<Pick<typeof sequence, Shared>>>();
}

/** A list keeps the type of its values, a policy is named or given, and what a merge says can be told apart by kind. */
export async function merging(session: Session, entry: typeof merge, { createList }: typeof sequence): Promise<void> {
  expectTypeOf(createList<{ url: string }>().toArray()).toEqualTypeOf<{ url: string }[]>();
  const { policies }: merge.MergeOptions = { policies: [{ kind: 'cookie', policy: 'prefer-fresh-token' }, { policy: entry.keepBoth }] };
  const merged = await entry.mergeSessions([session], policies === undefined ? {} : { policies });
  expectTypeOf(merged.session).toEqualTypeOf<Session>();
  expectTypeOf(merged.conflicts[0]?.reason).toEqualTypeOf<'order-unknown' | 'keep-both' | 'not-mergeable' | undefined>();
  // @ts-expect-error a policy of a name that there is not
  await entry.mergeSessions([session], { policies: [{ policy: 'newest' }] });
  // @ts-expect-error there is no module with SIMD of this kernel
  entry.useKernel('wasm-simd');
}

/** Types have no place in `keyof`, so the import above is their test; here each is used, or the compiler would complain about that. */
export type PublicTypes = [
  ActiveKernel,
  CaptureOptions,
  Cookie,
  CookiePartitionKey,
  Coverage,
  Database,
  DeleteOptions,
  KernelKind,
  KernelReason,
  ListOptions,
  ObjectStore,
  OperationOptions,
  OriginStorage,
  PeekedHeader,
  Progress,
  PspErrorCode,
  PspErrorDetails,
  PutOptions,
  RecordHead,
  ReportEntry,
  RestoreOptions,
  SameSite,
  SealContext,
  Section,
  Source,
  StorageItem,
  StorageKey,
  StoreIndex,
  Tab,
  TabStorage,
  Unverified<PeekedHeader>,
  Version,
];
