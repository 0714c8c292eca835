/**
 * Calls our own functions inside a document, in an isolated world: same storage, but globals of its own, so that a page which replaced
 * `indexedDB` or `JSON` changes nothing. What the page code is, is in `page/`.
 */
import { PspError } from '../errors.ts';
import { PAGE_SCRIPT } from './generated/page-script.ts';
import type { PageAnswer, PageCalls } from './page/script.ts';
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

/** Enters the document of a frame. `place` names it in messages. */
export async function enterPage(session: DevToolsSession, frameId: string, place: string): Promise<PageWorld> {
  const executionContextId = await enter(session, frameId);
  return {
    async call(name, ...args) {
      const code = 'function (name, args) { return globalThis.__persistentSessions(name, args); }';
      const answer = await evaluate(session, executionContextId, code, [name, args]);
      if (isFailure(answer)) {
        throw new PspError('ADAPTER_PROTOCOL', `${name} failed in ${place}: ${answer.error}`, { details: { error: answer.error } });
      }
      return (answer as { value?: unknown }).value as never;
    },
  };
}

async function enter(session: DevToolsSession, frameId: string): Promise<number> {
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId, worldName: WORLD });
  await evaluate(session, executionContextId, `function () { if (!globalThis.__persistentSessions) { ${PAGE_SCRIPT} } return {}; }`, []);
  return executionContextId;
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

function isFailure(answer: unknown): answer is Extract<PageAnswer, { error: string }> {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}
