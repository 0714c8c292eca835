/** `psp restore`: a session file into a running browser, or out as a Playwright storage state. */
import { cdp, reloadTabs } from '../adapters/cdp.ts';
import { writeStorageState } from '../formats/storage-state.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { parseAddress, parseTimeout } from './browser-option.ts';
import { usage } from './failure.ts';
import { writeWhole } from './file.ts';
import { KEY_OPTIONS, readKey } from './key-source.ts';
import { demandComplete, showCounts, showEntries, showLosses } from './report.ts';
import { readSessionFile } from './session-file.ts';

export async function runRestore(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    cdp: { type: 'string' },
    'playwright-state': { type: 'string' },
    timeout: { type: 'string' },
    open: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const path = onlyArgument(positionals, 'restore needs one FILE');
  if ((values.cdp === undefined) === (values['playwright-state'] === undefined))
    throw usage('restore needs either --cdp or --playwright-state');
  const url = values.cdp === undefined ? null : parseAddress(values.cdp);
  if (url === null && (values.timeout !== undefined || values.open !== undefined)) throw usage('--timeout and --open go with --cdp');
  const options = values.timeout === undefined ? {} : { timeoutMs: parseTimeout(values.timeout) };
  const session = await readSessionFile(path, () => readKey(values));

  if (url === null) {
    const statePath = values['playwright-state'] as string;
    const { state, losses } = await writeStorageState(session);
    await writeWhole(statePath, `${JSON.stringify(state, null, 2)}\n`);
    print(
      values,
      { sealed: false, losses },
      `${showLosses(losses, 'what the format cannot hold')}wrote ${statePath}: it is not sealed, whoever reads it is logged in\n`,
    );
    return;
  }

  const { target, report } = await cdp(url).restore(session, options);
  const tabs = values.open === true ? 'are being opened' : 'wait on an empty page at their address: reload them to open the site';
  print(values, { ...target, ...report }, `restored ${showCounts(report.counts)}\n${showEntries(report)}tabs ${tabs}\n`);
  if (values.open === true) await reloadTabs(url, target, options.timeoutMs);
  demandComplete(report, 'the rest is in the browser');
}
