/** What the BiDi driver takes: an address, a connection of its own, and any connection that speaks the same. Compiled, never run. */
import { expectTypeOf } from 'vitest';
import { type BidiConnection, type BidiTarget, bidi, connectBidi, reloadTabs } from '../../ts/adapters/bidi.ts';
import type { Driver } from '../../ts/adapters/driver.ts';
import type { Session } from '../../ts/session/session.ts';

/** The connection of a client library: more than what is asked for, and events in its own words. */
interface ClientConnection {
  readonly url: string;
  send(method: string, params: object): Promise<unknown>;
  on(event: string, listener: (params: never) => void): ClientConnection;
  off(event: string, listener: (params: never) => void): ClientConnection;
}

/** Addresses and connections are accepted as they are. */
export async function connections(client: ClientConnection, session: Session): Promise<void> {
  expectTypeOf(bidi('http://127.0.0.1:9222')).toEqualTypeOf<Driver<BidiTarget>>();
  expectTypeOf(bidi(client, { userContext: 'default' })).toEqualTypeOf<Driver<BidiTarget>>();
  const connection = await connectBidi('ws://127.0.0.1:9222', 5_000);
  expectTypeOf(connection).toEqualTypeOf<BidiConnection>();
  const { target } = await bidi(connection).restore(session);
  expectTypeOf(target.tabs[0]!.context).toEqualTypeOf<string>();
  await reloadTabs(connection, target);
  await connection.close();
}

/** What is neither is refused. */
export function refused(): void {
  // @ts-expect-error an address is text
  bidi(9222);
  // @ts-expect-error nobody could be told of events
  bidi({ send: async () => undefined });
  // @ts-expect-error an option that does not exist
  bidi('http://127.0.0.1:9222', { browserContextId: '1' });
}
