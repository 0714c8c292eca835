/**
 * Our functions in a document by WebDriver BiDi. In a page of the user's they run in a sandbox realm, which has globals of its own. Firefox shows it what is
 * deep in a value (a Map, the bytes of an array) through walls: so all storage but sessionStorage is read in pages of ours, in their own realm.
 */
import { PspError } from '../../errors.ts';
import { type Evaluate, enterWorld, type PageWorld } from '../page-world.ts';
import type { BidiSession } from './protocol.ts';

const SANDBOX = 'persistent-sessions';

/** Enters the document of the user's that is in a browsing context now. `place` names it in messages. */
export function enterSandbox(session: BidiSession, context: string, place: string): PageWorld {
  return enterWorld(evaluateSandboxed(session, context), place);
}

/** Runs code in the sandbox realm of a document of the user's. */
export function evaluateSandboxed(session: BidiSession, context: string): Evaluate {
  return evaluateIn(session, { context, sandbox: SANDBOX });
}

/** Enters a document of ours, where no script has been before. */
export function enterOwn(session: BidiSession, context: string, place: string): PageWorld {
  return enterWorld(evaluateIn(session, { context }), place);
}

/**
 * Runs code in the document of a browsing context. Arguments and result cross as JSON text: BiDi's own values would be many objects for one array, and have
 * no place for `undefined`.
 */
export function evaluateIn(session: BidiSession, target: { readonly context: string; readonly sandbox?: string }): Evaluate {
  return async (code, args) => {
    const answer = await session.send('script.callFunction', {
      functionDeclaration: `async (args) => JSON.stringify(await (${code})(...JSON.parse(args)))`,
      target,
      arguments: [{ type: 'string', value: JSON.stringify(args) }],
      awaitPromise: true,
      resultOwnership: 'none',
    });
    if (answer.type !== 'success') throw new PspError('ADAPTER_PROTOCOL', 'the page did not run our code');
    const { value } = answer.result;
    return typeof value === 'string' ? (JSON.parse(value) as unknown) : undefined;
  };
}
