/** The options that say for whom and what a blob is sealed. Loose files have an empty context. */
import type { SealContext } from '../envelope/context.ts';

/** For the verbs that seal and open. Names are no secrets. */
export const CONTEXT_OPTIONS = {
  tenant: { type: 'string' },
  'session-id': { type: 'string' },
} as const;

/** The context of the options; `{}` when none is given. */
export function contextFrom(choice: { readonly tenant?: string | undefined; readonly 'session-id'?: string | undefined }): SealContext {
  const { tenant, 'session-id': sessionId } = choice;
  return { ...(tenant === undefined ? {} : { tenant }), ...(sessionId === undefined ? {} : { sessionId }) };
}
