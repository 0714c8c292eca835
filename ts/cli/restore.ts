/** `psp restore`: a session file into a running browser, or out as a Playwright storage state. */
import { cdp, reloadTabs } from '../adapters/cdp.ts';
import type { RestoreOptions } from '../adapters/driver.ts';
import { writeStorageState } from '../formats/storage-state.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { parseAddress, parseKind, parseOrigin, parseTimeout } from './browser-option.ts';
import { usage } from './failure.ts';
import { writeWhole } from './file.ts';
import { type CliKey, KEY_OPTIONS, readKey } from './key-source.ts';
import { demandComplete, showCounts, showEntries, showLosses } from './report.ts';
import { withSession } from './session-file.ts';

export async function runRestore(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    cdp: { type: 'string' },
    'playwright-state': { type: 'string' },
    timeout: { type: 'string' },
    origin: { type: 'string', multiple: true },
    kind: { type: 'string', multiple: true },
    keep: { type: 'boolean' },
    open: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const path = onlyArgument(positionals, 'restore needs one FILE');
  if ((values.cdp === undefined) === (values['playwright-state'] === undefined))
    throw usage('restore needs either --cdp or --playwright-state');
  const url = values.cdp === undefined ? null : parseAddress(values.cdp);
  const { timeout, open, origin, kind, keep } = values;
  if (url === null && [timeout, open, origin, kind, keep].some((value) => value !== undefined))
    throw usage('--timeout, --open, --origin, --kind and --keep go with --cdp');
  const options: RestoreOptions & { timeoutMs?: number } = {
    ...(timeout === undefined ? {} : { timeoutMs: parseTimeout(timeout) }),
    ...(origin === undefined ? {} : { origins: origin.map(parseOrigin) }),
    ...(kind === undefined ? {} : { kinds: kind.map(parseKind) }),
    ...(keep === true ? { existing: 'keep' } : {}),
  };
  const key = (): Promise<CliKey> => readKey(values);

  if (url === null) {
    const statePath = values['playwright-state'] as string;
    const { state, losses } = await withSession(path, key, (session) => writeStorageState(session));
    await writeWhole(statePath, `${JSON.stringify(state, null, 2)}\n`);
    print(
      values,
      { sealed: false, losses },
      `${showLosses(losses, 'what the format cannot hold')}wrote ${statePath}: it is not sealed, whoever reads it is logged in\n`,
    );
    return;
  }

  await using driver = cdp(url);
  const { target, report } = await withSession(path, key, (session) => driver.restore(session, options));
  const tabs = open === true ? 'are being opened' : 'wait on an empty page at their address: reload them to open the site';
  // Chromium holds them for whom set them.
  const isBrief = report.counts.permissions + report.counts.passkeys > 0;
  const brief = isBrief ? 'permissions and passkeys last until this command ends\n' : '';
  print(values, { ...target, ...report }, `restored ${showCounts(report.counts)}\n${showEntries(report)}${brief}tabs ${tabs}\n`);
  if (open === true) await reloadTabs(url, target, options.timeoutMs);
  demandComplete(report, 'the rest is in the browser');
}
