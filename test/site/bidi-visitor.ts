/** Visits to the hard site by the hand of WebDriver BiDi, in a user context. */
import type { BidiConnection } from '../../ts/adapters/bidi.ts';
import type { VisitedTab, Visitor } from './visit.ts';

/** A user context of its own, which takes the site's certificate. */
export async function newUserContext(connection: BidiConnection): Promise<string> {
  const { userContext } = (await connection.send('browser.createUserContext', { acceptInsecureCerts: true })) as { userContext: string };
  return userContext;
}

/** New tabs of a user context. */
export function bidiVisitor(connection: BidiConnection, userContext: string): Visitor {
  return {
    async newTab() {
      const { context } = (await connection.send('browsingContext.create', { type: 'tab', userContext })) as { context: string };
      return visitedContext(connection, context);
    },
  };
}

/** The tab of this browsing context. */
export function visitedContext(connection: BidiConnection, context: string): VisitedTab {
  const send = async (command: string, params: object): Promise<void> => {
    await connection.send(`browsingContext.${command}`, { context, ...params });
  };
  return {
    goto: (url) => send('navigate', { url, wait: 'none' }),
    reload: () => send('reload', { wait: 'none' }),
    back: () => send('traverseHistory', { delta: -1 }),
    close: () => send('close', {}),
  };
}
