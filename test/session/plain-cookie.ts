/** A cookie as most are, for tests that are about something else: they change what matters to them. */
import type { Cookie } from '../../ts/session/session.ts';

export const PLAIN_COOKIE: Cookie = {
  name: 'sid',
  value: 'v',
  domain: 'app.example',
  hostOnly: true,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  expiresAt: null,
  partitionKey: null,
};
