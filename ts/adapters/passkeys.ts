/**
 * Passkeys of virtual authenticators (Web Authentication, section 11), which belong to a tab and end with the DevTools session that made them. The browser lists none:
 * who made one knows its id. Each session on its tab may read it.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { sameBytes } from '../session/bytes.ts';
import { type Extent, type Passkey, section } from '../session/session.ts';
import type { BrowserPort } from './browser-port.ts';
import type { Operation } from './operation.ts';
import type { DevToolsSession, VirtualCredential } from './protocol.ts';
import { hasAuthenticators } from './virtual-authenticators.ts';

/** Media type of a section that holds a private key (RFC 8351). */
const KEY_MEDIA_TYPE = 'application/pkcs8';

/** The passkeys of the authenticators that are looked for, as far as they were found. */
export class PasskeyReader {
  readonly #operation: Operation;
  readonly #asked: Set<string>;
  readonly #own: Set<string>;
  readonly #isLooking: boolean;
  readonly #found = new Map<string, Passkey>();

  /** Both are looked for in each page that is read. `own` are those that the driver has made: they go with their tabs, which is nothing to report. */
  constructor(operation: Operation, asked: Iterable<string>, own: Iterable<string>) {
    this.#operation = operation;
    this.#asked = new Set(asked);
    this.#own = new Set(own);
    this.#isLooking = this.#asked.size + this.#own.size > 0;
  }

  /** Reads those authenticators that the page has. That it has others alone is an entry of the report at `place`. */
  async readPage(session: DevToolsSession, place: string): Promise<void> {
    let isKnown = false;
    for (const authenticatorId of [...this.#asked, ...this.#own]) {
      const credentials = await this.#ask(session, authenticatorId);
      if (credentials === null) continue;
      isKnown = true;
      this.#asked.delete(authenticatorId);
      this.#own.delete(authenticatorId);
      for (const credential of credentials) this.#keep(credential);
    }
    if (isKnown || !(await hasAuthenticators(session))) return;
    const reason = 'a page has virtual authenticators whose ids were not given (the option `authenticators`)';
    this.#operation.entries.push({ outcome: 'uncarried', kind: 'passkey', place, reason });
  }

  /** Null where the page has no such authenticator. */
  async #ask(session: DevToolsSession, authenticatorId: string): Promise<readonly VirtualCredential[] | null> {
    try {
      return (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    } catch (error) {
      this.#operation.rethrowIfOver(error);
      return null;
    }
  }

  #keep(credential: VirtualCredential): void {
    const { rpId } = credential;
    if (rpId === undefined) {
      const reason = 'the browser does not tell which site it is for';
      this.#operation.entries.push({ outcome: 'lost', kind: 'passkey', place: 'a passkey', reason });
      return;
    }
    const passkey = toPasskey(credential, rpId);
    const identity = JSON.stringify([rpId, passkey.credentialId]);
    const other = this.#found.get(identity);
    // The one that was used more often is what the site knows.
    if (other !== undefined && other.signCount >= passkey.signCount) return;
    this.#found.set(identity, passkey);
    if (other === undefined) this.#reportRest(credential, rpId);
  }

  #reportRest({ largeBlob, backupEligibility, backupState, userName, userDisplayName }: VirtualCredential, rpId: string): void {
    const say = (outcome: 'altered' | 'notice', reason: string): void => {
      this.#operation.entries.push({ outcome, kind: 'passkey', place: rpId, reason });
    };
    if (largeBlob !== undefined) say('altered', 'its large blob is not kept');
    if (backupEligibility === true || backupState === true) say('altered', 'that it is backed up is not kept');
    if (userName !== undefined || userDisplayName !== undefined) say('notice', 'the names of its user are not kept');
  }

  /** What was found; null where nothing was looked for. An authenticator that was asked for and that no page has is an entry of the report. */
  result(): { readonly passkeys: readonly Passkey[]; readonly extent: Extent } | null {
    if (!this.#isLooking) return null;
    const missing = this.#asked.size;
    if (missing > 0) {
      const reason = `no open page has ${missing} of the virtual authenticators`;
      this.#operation.entries.push({ outcome: 'lost', kind: 'passkey', place: 'virtual authenticators', reason });
    }
    return { passkeys: [...this.#found.values()], extent: missing > 0 ? 'partial' : 'complete' };
  }
}

function toPasskey({ credentialId, isResidentCredential, privateKey, userHandle, signCount }: VirtualCredential, rpId: string): Passkey {
  return {
    credentialId: toBase64Url(credentialId),
    rpId,
    isResidentCredential,
    ...(userHandle === undefined || userHandle === '' ? {} : { userHandle: toBase64Url(userHandle) }),
    signCount,
    privateKey: section(decodeBase64Text(privateKey), KEY_MEDIA_TYPE),
  };
}

/** Gives each restored tab the passkeys of a session; how many are right in every tab. */
export async function restoreAllPasskeys<Handle>(
  operation: Operation<BrowserPort<Handle>>,
  passkeys: readonly Passkey[],
  tabs: readonly { readonly handle: Handle }[],
): Promise<number> {
  if (passkeys.length === 0) return 0;
  const say = (outcome: 'lost' | 'notice', reason: string): void => {
    operation.entries.push({ outcome, kind: 'passkey', place: 'virtual authenticators', reason });
  };
  if (tabs.length === 0) say('lost', 'an authenticator belongs to a tab, and no tab was restored');
  if (tabs.length > 1) say('notice', 'each tab has an authenticator of its own: their counts of signatures are apart from now on');
  let right: readonly Passkey[] = tabs.length === 0 ? [] : passkeys;
  for (const { handle } of tabs) {
    const there = await restorePasskeys(operation, handle, passkeys);
    right = right.filter((passkey) => there.includes(passkey));
  }
  return right.length;
}

/**
 * Gives a restored tab a virtual authenticator with all passkeys of a session, and reads it back; the passkeys that are there as captured. It stays for as long
 * as the driver is connected.
 */
async function restorePasskeys<Handle>(
  operation: Operation<BrowserPort<Handle>>,
  handle: Handle,
  passkeys: readonly Passkey[],
): Promise<readonly Passkey[]> {
  const right = await operation.part({ outcome: 'lost', kind: 'passkey', place: 'a tab' }, async () => {
    const { authenticators } = operation.port;
    if (authenticators === null) throw new PspError('ADAPTER_UNSUPPORTED', 'this driver cannot make a virtual authenticator');
    const session = await authenticators.hold(handle);
    await session.send('WebAuthn.enable', {});
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
    authenticators.known.add(authenticatorId);
    for (const passkey of passkeys) {
      const credential = await fromPasskey(passkey);
      await operation.part({ outcome: 'lost', kind: 'passkey', place: passkey.rpId }, () =>
        session.send('WebAuthn.addCredential', { authenticatorId, credential }),
      );
    }
    const { credentials } = await session.send('WebAuthn.getCredentials', { authenticatorId });
    return verify(operation, passkeys, credentials);
  });
  return right ?? [];
}

/** One that a tab's user has at hand, and that says yes by itself. */
const AUTHENTICATOR = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const;

async function fromPasskey(passkey: Passkey): Promise<VirtualCredential> {
  const { credentialId, rpId, isResidentCredential, userHandle, signCount, privateKey } = passkey;
  return {
    ...{ credentialId: toBase64(credentialId), rpId, isResidentCredential, signCount },
    ...(userHandle === undefined ? {} : { userHandle: toBase64(userHandle) }),
    privateKey: encodeBase64Text(await privateKey.bytes()),
  };
}

async function verify(operation: Operation, expected: readonly Passkey[], found: readonly VirtualCredential[]): Promise<Passkey[]> {
  const right: Passkey[] = [];
  for (const passkey of expected) {
    const there = found.find(({ credentialId, rpId }) => toBase64Url(credentialId) === passkey.credentialId && rpId === passkey.rpId);
    // One that was refused is named already.
    if (there === undefined) continue;
    const read = toPasskey(there, passkey.rpId);
    const isRight =
      read.isResidentCredential === passkey.isResidentCredential &&
      read.userHandle === passkey.userHandle &&
      read.signCount === passkey.signCount &&
      sameBytes(await read.privateKey.bytes(), await passkey.privateKey.bytes());
    if (isRight) right.push(passkey);
    else operation.entries.push({ outcome: 'altered', kind: 'passkey', place: passkey.rpId, reason: 'it reads back differently' });
  }
  return right;
}

function toBase64Url(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function toBase64(base64Url: string): string {
  const text = base64Url.replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
