/**
 * Whether a page has virtual authenticators. They are not listed, but a question for one that there is none of is refused in two ways. Chromium (156) ends those of a
 * page as soon as any session on it ends, by whomever: then ours must stay.
 */
import { PspError } from '../errors.ts';
import type { DevToolsSession } from './protocol.ts';

/** False also where the page does not answer: then it cannot be told. */
export async function hasAuthenticators(page: DevToolsSession): Promise<boolean> {
  try {
    await page.send('WebAuthn.getCredentials', { authenticatorId: 'none' });
    return true;
  } catch (error) {
    if (!(error instanceof PspError)) throw error;
    return /Could not find a Virtual Authenticator/.test(wordsOf(error));
  }
}

/** What the browser said, which a client library wraps. */
function wordsOf(error: PspError): string {
  return `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`;
}
