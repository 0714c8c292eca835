/**
 * Visits of a browser to the hard site, whoever drives it: one that seeds, and those that look. Nothing is evaluated in its pages: they
 * report by themselves.
 */
import type { Cell } from './cell.ts';
import type { HardSite } from './server.ts';

/** A tab, by whatever drives the browser. Promises end when the browser has begun to load: the site knows when it is done. */
export interface VisitedTab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Goes back one entry of its history. */
  back(): Promise<void>;
  close(): Promise<void>;
}

export interface Visitor {
  newTab(): Promise<VisitedTab>;
}

/** The tabs that stay open after a seeding, and that a restore opens. */
export interface OpenTabs {
  readonly one: VisitedTab;
  readonly two: VisitedTab;
  readonly tls: VisitedTab;
}

/** What a user allows and denies on the hard site's alpha before it is seeded, by whatever sets that in a browser. */
export const DECISIONS = [
  ['geolocation', 'granted'],
  ['notifications', 'denied'],
  ['midi', 'granted'],
] as const;

const ONE = ['/tab-one', '/frame', '/below'] as const;
const TWO = ['/tab-two', '/frame-two'] as const;

/** Addresses of the tabs as a seeding leaves them. */
export function tabAddresses({ alpha, tls }: HardSite): Record<keyof OpenTabs, string> {
  return { one: `${alpha}/tab-one?step=2`, two: `${alpha}/tab-two?step=2`, tls: `${tls}/tls` };
}

/** Seeds everything, and gives the tabs with what they saw of themselves on the way: what a later look must find. */
export async function seedSite(site: HardSite, visitor: Visitor): Promise<{ tabs: OpenTabs; cells: Cell[] }> {
  site.begin('seed');
  const passing = await visitor.newTab();
  for (const [address, role] of [
    [site.sub, '/sub'],
    [site.beta, '/first'],
    [site.gamma, '/hinted'],
  ] as const) {
    await passing.goto(`${address}${role}`);
    await site.reports([role]);
  }
  await passing.close();
  const one = await visitor.newTab();
  await one.goto(`${site.beta}/left`);
  await site.reports(['/left']);
  await one.goto(`${site.alpha}/tab-one`);
  const cells = await site.reports(['/left', '/step', ...ONE]);
  const two = await visitor.newTab();
  await two.goto(`${site.alpha}/tab-two`);
  await site.reports(TWO);
  const tls = await visitor.newTab();
  await tls.goto(`${site.tls}/tls`);
  await site.reports(['/tls']);
  return {
    tabs: { one, two, tls },
    cells: cells.filter(({ group, name }) => group === 'sessionStorage of origins that a tab has left' || name.endsWith('step=1')),
  };
}

/** What the site sees: each of its tabs is loaded anew, or opened where there is none, and other origins are visited in a tab of their own. */
export async function lookAtSite(site: HardSite, visitor: Visitor, standing: OpenTabs | null): Promise<{ tabs: OpenTabs; cells: Cell[] }> {
  site.begin('look');
  const cells: Cell[] = [];
  const addresses = tabAddresses(site);
  const load = async (name: keyof OpenTabs, roles: readonly string[]): Promise<VisitedTab> => {
    const tab = standing?.[name] ?? (await visitor.newTab());
    await (standing === null ? tab.goto(addresses[name]) : tab.reload());
    cells.push(...(await site.reports(roles)));
    return tab;
  };
  const tabs = { one: await load('one', ONE), two: await load('two', TWO), tls: await load('tls', ['/tls']) };
  const passing = await visitor.newTab();
  for (const [address, role] of [
    [site.sub, '/sub'],
    [site.beta, '/first'],
    [site.gamma, '/hinted'],
  ] as const) {
    await passing.goto(`${address}${role}`);
    cells.push(...(await site.reports([role])));
  }
  await passing.close();
  return { tabs, cells };
}

/** What only a tab that goes elsewhere sees: an entry of its history, where it has one, and what it keeps of an origin that it has left. The tab is spent by it. */
export async function lookAway(site: HardSite, { one }: OpenTabs, hasHistory: boolean): Promise<Cell[]> {
  const cells: Cell[] = [];
  if (hasHistory) {
    await one.back();
    cells.push(...(await site.reports(['/step'])));
  }
  await one.goto(`${site.beta}/left`);
  return [...cells, ...(await site.reports(['/left']))];
}
