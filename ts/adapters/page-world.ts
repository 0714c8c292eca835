/**
 * Calls our own functions inside a document, in an isolated world: same storage, but globals of its own, so that a page which replaced
 * `indexedDB` or `JSON` changes nothing. What the page code is, is in `page/`.
 */
import { PspError } from '../errors.ts';
import { PAGE_SCRIPT } from './generated/page-script.ts';
import type { PageCalls } from './page/script.ts';
import { readAnswer } from './page-answer.ts';
import type { DevToolsSession } from './protocol.ts';

const WORLD = 'persistent-sessions';

/** Our functions in one document. Gone when the document is. */
export interface PageWorld {
  /**
   * Runs a function of `page/script.ts`.
   *
   * @throws PspError `ADAPTER_PROTOCOL` with the name of what the page code threw in `details.error`.
   */
  call<N extends keyof PageCalls>(name: N, ...args: Parameters<PageCalls[N]>): Promise<Awaited<ReturnType<PageCalls[N]>>>;
}

/** Runs a function, given as source, in an isolated world of one document. Arguments and result are JSON. */
export type Evaluate = (code: string, args: readonly unknown[]) => Promise<unknown>;

const CALL = 'return globalThis.__persistentSessions(name, args);';
const FIRST_CALL = /* @__PURE__ */ `function (name, args) { if (!globalThis.__persistentSessions) { ${PAGE_SCRIPT} } ${CALL} }`;
const OTHER_CALL = /* @__PURE__ */ `function (name, args) { ${CALL} }`;

/** Our functions where `evaluate` runs code: the first call brings them there. `place` names the document in messages. */
export function enterWorld(evaluate: Evaluate, place: string): PageWorld {
  let isThere = false;
  let isDoubtful = false;
  let silence: unknown = null;
  return {
    async call(name, ...args) {
      if (silence !== null) throw silence;
      // One call that took too long is that call's; a document in which nothing runs any more costs no further time limit for each thing that it holds.
      if (isDoubtful) await ask();
      try {
        const answer = await evaluate(isThere ? OTHER_CALL : FIRST_CALL, [name, args]);
        isThere = true;
        return readAnswer(answer, name, place) as never;
      } catch (error) {
        isDoubtful = isTimeout(error);
        throw error;
      }
    },
  };

  async function ask(): Promise<void> {
    try {
      await evaluate('function () { return {}; }', []);
      isDoubtful = false;
    } catch (error) {
      if (isTimeout(error)) silence = error;
      throw error;
    }
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof PspError && error.code === 'ADAPTER_TIMEOUT';
}

/** Enters the document of a frame by the DevTools protocol. `place` names it in messages. */
export async function enterPage(session: DevToolsSession, frameId: string, place: string): Promise<PageWorld> {
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId, worldName: WORLD });
  return enterWorld((code, args) => evaluate(session, executionContextId, code, args), place);
}

async function evaluate(session: DevToolsSession, executionContextId: number, code: string, args: readonly unknown[]): Promise<unknown> {
  const { result, exceptionDetails } = await session.send('Runtime.callFunctionOn', {
    functionDeclaration: code,
    executionContextId,
    arguments: args.map((value) => ({ value })),
    awaitPromise: true,
    returnByValue: true,
  });
  if (exceptionDetails !== undefined) throw new PspError('ADAPTER_PROTOCOL', 'the page did not run our code');
  return result.value;
}
