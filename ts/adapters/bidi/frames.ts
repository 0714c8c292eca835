/**
 * The documents of an open page by WebDriver BiDi, with the storage that each has. The browser names no storage keys: they follow from the sites of a frame
 * and of those around it.
 */
import type { StorageKey } from '../../session/session.ts';
import type { BrowserFrame } from '../browser-port.ts';
import { isWeb } from '../intercept.ts';
import { flatten, type PlacedContext } from './contexts.ts';
import type { BidiSession, ContextInfo } from './protocol.ts';
import type { Sites } from './sites.ts';
import { enterSandbox, evaluateSandboxed } from './world.ts';

/** The documents of a page; those of frames that have no address of the web of their own share the storage of what is around them. */
export async function framesOf(session: BidiSession, context: string, sites: Sites): Promise<BrowserFrame[]> {
  const { contexts } = await session.send('browsingContext.getTree', { root: context });
  return contexts.flatMap(flatten).map((placed) => frameOf(session, placed, sites));
}

function frameOf(session: BidiSession, { info, around }: PlacedContext, sites: Sites): BrowserFrame {
  const origin = isWeb(info.url) ? new URL(info.url).origin : 'null';
  return {
    isTop: around.length === 0,
    origin,
    session: null,
    isReadElsewhere: true,
    async storageKey() {
      // A sandboxed frame has an address and no origin.
      const own = await evaluateSandboxed(session, info.context)('() => globalThis.origin', []);
      return { key: own === origin ? await keyOf(origin, around, sites) : null, name: '' };
    },
    enter: async (place) => enterSandbox(session, info.context, place),
  };
}

/** Null where something stands around it that is no site. */
async function keyOf(origin: string, around: readonly ContextInfo[], sites: Sites): Promise<StorageKey | null> {
  const [top] = around;
  if (top === undefined) return { origin, topLevelSite: null };
  const others = around.filter(({ url }) => url !== 'about:blank' && url !== 'about:srcdoc').map(({ url }) => url);
  if (!isWeb(top.url) || !others.every(isWeb)) return null;
  const own = await sites.of(origin);
  const topLevelSite = await sites.of(new URL(top.url).origin);
  if (own !== topLevelSite) return { origin, topLevelSite };
  const between = await Promise.all(others.map((url) => sites.of(new URL(url).origin)));
  return between.every((site) => site === own)
    ? { origin, topLevelSite: null }
    : { origin, topLevelSite: null, hasCrossSiteAncestor: true };
}
