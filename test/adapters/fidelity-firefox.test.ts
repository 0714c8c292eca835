/** What Firefox carries over WebDriver BiDi of everything that the hard site keeps: every cell that differs is named. Its column of `docs/fidelity.md`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BidiConnection, bidi, connectBidi } from '../../ts/adapters/bidi.ts';
import { hasOpenssl } from '../servers/certificate.ts';
import { launchFirefox, type RunningFirefox, requireFirefox } from '../servers/firefox.ts';
import { bidiVisitor, newUserContext, visitedContext } from '../site/bidi-visitor.ts';
import { compareCells, describeDifferences } from '../site/cell.ts';
import { type HardSite, startHardSite } from '../site/server.ts';
import { readFidelityPage, renderPage } from '../site/table.ts';
import { DECISIONS, lookAtSite, lookAway, seedSite, tabAddresses, type VisitedTab } from '../site/visit.ts';

const GROUP = 'fidelity of Firefox on the hard site';

describe.skipIf(requireFirefox(GROUP) === null || !hasOpenssl(GROUP))(GROUP, { timeout: 240_000 }, () => {
  let site: HardSite;
  let firefox: RunningFirefox;
  let connection: BidiConnection;

  beforeAll(async () => {
    site = await startHardSite();
    firefox = await launchFirefox();
    // It listens some time before it answers, on a machine that is busy.
    connection = await connectBidi(firefox.bidiUrl, 60_000);
  });
  afterAll(async () => {
    await connection?.close();
    await firefox?.close();
    await site?.close();
  });

  test('over BiDi every cell that differs is named', async () => {
    const first = await newUserContext(connection);
    for (const [name, state] of DECISIONS) {
      await connection.send('permissions.setPermission', { descriptor: { name }, state, origin: site.alpha, userContext: first });
    }
    const { tabs, cells } = await seedSite(site, bidiVisitor(connection, first));
    const seen = await lookAtSite(site, bidiVisitor(connection, first), tabs);
    const before = [...cells, ...seen.cells];
    // Cookies of Firefox name no port: no origin of this site is known by them.
    const origins = [site.gamma, site.sub, site.beta];
    const { session, report } = await bidi(connection, { userContext: first }).capture({ origins });
    const second = await newUserContext(connection);
    site.resetRequests();
    const restored = await bidi(connection, { userContext: second }).restore(session);
    expect(site.requests).toEqual([]);
    const tabAt = (url: string): VisitedTab => {
      const { id } = session.tabs.find((tab) => tab.url === url)!;
      return visitedContext(connection, restored.target.tabs.find(({ tabId }) => tabId === id)!.context);
    };
    const { one, two, tls } = tabAddresses(site);
    const standing = { one: tabAt(one), two: tabAt(two), tls: tabAt(tls) };
    const after = await lookAtSite(site, bidiVisitor(connection, second), standing);
    const away = await lookAway(site, standing, false);
    const entries = [...report.entries, ...restored.report.entries];
    const compared = compareCells(before, [...after.cells, ...away], entries);
    expect(describeDifferences(compared.filter(({ isNamed }) => !isNamed))).toEqual([]);
    const column = { name: 'Firefox, BiDi', compared, hasReport: true };
    await expect(renderPage(readFidelityPage(), [column])).toMatchFileSnapshot('../../docs/fidelity.md');
  });
});
